#!/usr/bin/env bash
# In an ONNX model that maps original ids itself, an unknown user is served with the last user's embedding.
#
# Versions: onnxruntime 1.32.0 (onnx 1.23.2 only writes the model), ai.onnx.ml opset 3, CPU provider.
# Expected: LabelEncoder finds no such user, Gather is asked for a row that does not exist, and the run fails, as it does for
#   a row past the end.
# Seen: LabelEncoder gives -1, which is what its specification fills in where the model does not say otherwise, and Gather
#   counts negative indices from the end. The answer is the embedding of the last user in the table, without an error.
# Why it matters: two documented rules meet, and every new visitor silently gets the recommendations of one real person, the
#   last of the table. Give the encoder a default of its own that is a row for unknown users, or one past the end: then
#   Gather fails.
source "$(dirname "$0")/common.sh"
fresh onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6

"$python" - <<'PYTHON' || changed "an unknown user is no longer given the last row"
import sys
import numpy, onnxruntime
from onnx import TensorProto, helper, numpy_helper

table = numpy.array([[0, 0], [1, 10], [2, 20], [3, 30]], "f4")

def embedding(user, **default):
    encoder = helper.make_node("LabelEncoder", ["user"], ["row"], domain="ai.onnx.ml",
                               keys_strings=["ann", "bob", "eve", "zoe"], values_int64s=[0, 1, 2, 3], **default)
    gather = helper.make_node("Gather", ["table", "row"], ["embedding"])
    graph = helper.make_graph([encoder, gather], "g", [helper.make_tensor_value_info("user", TensorProto.STRING, [1])],
                              [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 2])],
                              [numpy_helper.from_array(table, "table")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)],
                              ir_version=10)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"user": numpy.array([user], object)})[0][0].tolist()

print("bob:", embedding("bob"), " nobody:", embedding("nobody"), " zoe, the last:", embedding("zoe"))
try:
    refused = str(embedding("nobody", default_int64=4))
except Exception as error:
    refused = "an error"
print("nobody, where the encoder's default is 4, past the end:", refused)
sys.exit(not (embedding("nobody") == embedding("zoe") == [3, 30] and refused == "an error"))
PYTHON
echo "unchanged: an unknown user is served as the last user of the table"
