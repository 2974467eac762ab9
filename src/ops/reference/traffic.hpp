// What an operation reads and writes, in bytes.
//
// Counted is what there is for each row, sample or parameter, once, as if no cache held it. What there is
// once for a whole block, a layer's weights and their gradients, stays in the caches and is not counted.
// `T` below is the size of the type of activations and embeddings: 4 in fp32, 2 in half precision. Gradients,
// logits and moments are fp32 always; a label takes a byte, a row number 4, a sample id 8.
#pragma once

namespace neumf::reference {

struct Traffic {
  double read = 0, written = 0;
  double total() const { return read + written; }
};

}  // namespace neumf::reference
