#!/usr/bin/env bash
# Without a GPU driver the CUDA runtime has an error that cudaGetLastError never clears, and asking for the driver succeeds.
#
# Versions: nvidia-cuda-runtime 13.5.37, a machine without libcuda.
# Expected: cudaGetDeviceCount says that there is no device (100); cudaGetLastError returns that once and then success, as
#   documented; a copy between two host buffers needs no GPU.
# Seen: cudaGetDeviceCount returns 35, "driver version is insufficient", and leaves the count as it was. cudaGetLastError
#   gives 35 every time, for ever. cudaMemcpy from host to host, cudaDeviceSynchronize and cudaFree(NULL) fail with 35, while
#   cudaDriverGetVersion succeeds, with version 0.
# Why it matters: one binary for nodes with and without GPUs counts devices, clears the error and goes on with the CPU. A later
#   "launch, then check cudaGetLastError" in shared code blames the next innocent call; a test of the count against 0
#   alone reads an unset variable; a loop that drains errors does not end. Decide once, by the status and by
#   cudaDriverGetVersion's number, and call nothing of CUDA afterwards.
source "$(dirname "$0")/common.sh"
if python3 -c 'import ctypes; ctypes.CDLL("libcuda.so.1")' 2>/dev/null; then
  echo "this machine has a GPU driver: no answer" >&2
  exit 2
fi
fresh nvidia-cuda-runtime==13.5.37

"$python" - <<'PYTHON' || changed "the runtime answers otherwise without a driver"
import ctypes, pathlib, sys

library = next(pathlib.Path(sys.prefix).rglob("libcudart.so.*"))
cuda = ctypes.CDLL(str(library))
cuda.cudaGetErrorName.restype = ctypes.c_char_p
seen = {}

def call(title, function, *arguments):
    seen[title] = function(*arguments)
    print(f"{title}: {seen[title]} {cuda.cudaGetErrorName(seen[title]).decode()}")

count, version = ctypes.c_int(-7), ctypes.c_int(-7)
call("cudaGetDeviceCount", cuda.cudaGetDeviceCount, ctypes.byref(count))
for time in ("once", "twice", "three times"):
    call(f"cudaGetLastError, {time}", cuda.cudaGetLastError)
source, target = ctypes.create_string_buffer(b"item", 8), ctypes.create_string_buffer(8)
call("cudaMemcpy, host to host", cuda.cudaMemcpy, target, source, ctypes.c_size_t(8), 0)
call("cudaFree(NULL)", cuda.cudaFree, ctypes.c_void_p())
call("cudaDriverGetVersion", cuda.cudaDriverGetVersion, ctypes.byref(version))
print(f"{library.name}: count left at {count.value}, driver version {version.value}")
failed = [title for title, status in seen.items() if status == 35]
sys.exit(not (len(failed) == 6 and count.value == -7 and seen["cudaDriverGetVersion"] == 0 and version.value == 0))
PYTHON
echo "unchanged: error 35 stays, and the driver has version 0"
