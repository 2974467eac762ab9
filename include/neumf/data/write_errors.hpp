// What a program does once, first of all, so that a file that cannot be written is an error like any other.
#pragma once

namespace neumf {

// A file beyond the limit of sizes (`ulimit -f`, quotas of batch systems) fails to be written with "File too
// large", instead of a signal that ends the process. And HDF5 is not cleaned up at exit, where version 1.10.8
// crashes after a file that could not be closed: whoever opens files must close them. Call it before HDF5 is
// used at all.
void let_writes_fail();

}  // namespace neumf
