# shellcheck shell=bash
# A Slurm cluster on one machine: a controller and two virtual nodes, as root and without systemd.
#
# enter_namespaces runs the calling script again as the first process of its own PID, mount, network, UTS and IPC
# namespaces. Whatever ends that process, or its parent, ends every daemon and job, and takes mounts and network
# interfaces with it. Nothing is read from or written to the machine's own Slurm.
#
# The nodes have namespaces of their own as well: without them, PMIx of both nodes would meet in one temporary
# directory, and OpenMPI would take the ranks of both for neighbours in shared memory.

# Says why no cluster can be started here, or nothing.
cluster_obstacle() {
  local program
  ((EUID == 0)) || { echo "only root can start Slurm's daemons with namespaces of their own"; return; }
  (($(nproc) >= 2)) || { echo "two cores are needed"; return; }
  for program in slurmctld slurmd munged srun sbatch ip unshare setpriv; do
    command -v "$program" >/dev/null || { echo "$program is not installed"; return; }
  done
  unshare --mount --net --uts --ipc --pid --fork --mount-proc sh -c '
    hostname node && mount -t tmpfs none /dev/shm && ip link add cluster type bridge &&
    ip link add port1 type veth peer name eth0' >/dev/null 2>&1 ||
    echo "namespaces with mounts and network bridges of their own cannot be made here (a container without privileges?)"
}

enter_namespaces() {
  exec setpriv --pdeathsig KILL unshare --mount --net --uts --ipc --pid --fork --kill-child --mount-proc "$@"
}

# start_cluster DIRECTORY: configuration, state and logs in DIRECTORY. Exports what Slurm's commands need. Fails with a
# message where a daemon does not come up.
start_cluster() {
  local directory=$1
  mkdir -p "$directory"/{ctld,node-tmp,node1-tmp,node2-tmp,spool-node1,spool-node2}
  export SLURM_CONF=$directory/slurm.conf
  # Jobs inherit it, and each node has its own directory there.
  export TMPDIR=$directory/node-tmp
  write_configuration "$directory"
  hostname controller
  mount -t tmpfs none /dev/shm
  start_network
  start_munge "$directory" || return
  slurmctld -D >"$directory/slurmctld.out" 2>&1 &
  start_node "$directory" 1 &
  start_node "$directory" 2 &
  local tries
  for ((tries = 0; tries < 100; ++tries)); do
    [[ $(sinfo --noheader --format %t%D 2>/dev/null) == idle2 ]] && return
    sleep 0.2
  done
  echo "the nodes do not come up:" >&2
  { sinfo; tail -n 20 "$directory"/*.out "$directory"/*.log; } >&2
  return 1
}

# Two cores and two GPUs per node. Slurm takes any device file for a GPU: what it does with them is tested, nothing
# computes there.
write_configuration() {
  local directory=$1
  # cred_expire: a requeued job may start after so many seconds, 120 by default. Slurm allows no less than 5.
  cat >"$SLURM_CONF" <<CONF
ClusterName=neumf-test
SlurmctldHost=controller(10.77.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$directory/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$directory/ctld
SlurmdSpoolDir=$directory/spool-%n
SlurmctldPidFile=$directory/slurmctld.pid
SlurmdPidFile=$directory/slurmd-%n.pid
SlurmctldLogFile=$directory/slurmctld.log
SlurmdLogFile=$directory/slurmd-%n.log
TmpFS=$directory/node-tmp
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
ReturnToService=2
KillWait=5
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=node1 NodeAddr=10.77.0.11 Sockets=1 CoresPerSocket=2 ThreadsPerCore=1 Gres=gpu:2 State=UNKNOWN
NodeName=node2 NodeAddr=10.77.0.12 Sockets=1 CoresPerSocket=2 ThreadsPerCore=1 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP
CONF
  printf 'Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n' >"$directory/gres.conf"
}

# A bridge that the nodes are plugged into.
start_network() {
  ip link set lo up
  ip link add cluster type bridge
  ip address add 10.77.0.1/24 dev cluster
  ip link set cluster up
}

start_munge() {
  local directory=$1
  (umask 077 && head -c 1024 /dev/urandom >"$directory/munge.key")
  munged --force --foreground --num-threads=2 --socket="$directory/munge.socket" --key-file="$directory/munge.key" \
    --pid-file="$directory/munge.pid" --log-file="$directory/munge.log" --seed-file="$directory/munge.seed" \
    >"$directory/munged.out" 2>&1 &
  local tries
  for ((tries = 0; tries < 50; ++tries)); do
    [[ -S $directory/munge.socket ]] && return
    sleep 0.1
  done
  cat "$directory/munged.out" "$directory/munge.log" >&2
  return 1
}

# start_node DIRECTORY NUMBER: slurmd of nodeNUMBER, with a temporary directory and shared memory of its own.
start_node() {
  local directory=$1 number=$2
  local name=node$number
  unshare --mount --net --uts --ipc bash -c '
    set -e
    directory=$1 name=$2
    hostname "$name"
    mount --bind "$directory/$name-tmp" "$directory/node-tmp"
    mount -t tmpfs none /dev/shm
    touch "$directory/$name.ready"
    until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
    ip link set lo up
    ip address add "$3/24" dev eth0
    ip link set eth0 up
    exec slurmd -D -N "$name"' _ "$directory" "$name" "10.77.0.1$number" >"$directory/slurmd-$name.out" 2>&1 &
  local node=$!
  until [[ -e $directory/$name.ready ]]; do sleep 0.05; done
  ip link add "port$number" type veth peer name eth0 netns "$node"
  ip link set "port$number" master cluster up
  wait "$node"
}
