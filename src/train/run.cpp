#include "neumf/train/run.hpp"

#include "neumf/train/session.hpp"
#include "on_device.hpp"

namespace neumf {

int run(const Options& options, const Communicator& communicator) {
  return on_device(machine_choice(options), communicator,
                   [&]<class Device, class T>(Context<Device>& context) {
                     return run_session<Device, T>(context, options, communicator);
                   });
}

}  // namespace neumf
