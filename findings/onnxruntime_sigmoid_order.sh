#!/usr/bin/env bash
# ONNX Runtime's Sigmoid does not keep the order of its arguments.
#
# Versions: onnxruntime 1.32.0 on x86-64, float32, CPU provider (onnx 1.23.2 only writes the model).
# Expected: sigmoid is increasing, and float32 can represent sigmoid(x) down to x = -103. So probabilities rank items as
#   logits do, as they do in NumPy, but for equal values near 1.
# Seen: sigmoid(16) = 0.99999994 > sigmoid(17) = 0.99999988. Of neighbours 0.001 apart, about a tenth fall instead of rising,
#   all at |x| > 9. From -18 downwards the result is exactly 0, and at -17 it is twice the true value.
# Why it matters: a ranking model that is exported with its final Sigmoid, trained with cross-entropy, gives most of a large
#   catalogue logits below -9: their order is partly lost, and below -18 all are equal (log loss: infinite). Confident
#   positives above 9 swap places. Export the logits, rank those, and apply the sigmoid outside where it is shown.
source "$(dirname "$0")/common.sh"
fresh onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6

"$python" - <<'PYTHON' || changed "Sigmoid now keeps the order, or does not reach 0 at -18"
import sys
import numpy, onnxruntime
from onnx import TensorProto, helper

def sigmoid(values):
    vector = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None])
    graph = helper.make_graph([helper.make_node("Sigmoid", ["x"], ["y"])], "g", [vector("x")], [vector("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": values})[0]

points = numpy.array([16, 17, -17, -18, -19, -50], "f4")
computed = sigmoid(points)
exact = 1 / (1 + numpy.exp(-points.astype("f8")))
for x, y, e in zip(points, computed, exact):
    print(f"sigmoid({x:g}) = {y:.9g}, true value {e:.9g}")

logits = numpy.linspace(-18, 18, 36001).astype("f4")
falls = (numpy.diff(sigmoid(logits)) < 0).sum()
plain = 1 / (1 + numpy.exp(-logits))
print(f"{falls} of {len(logits) - 1} steps of 0.001 fall; with NumPy's float32 {(numpy.diff(plain) < 0).sum()}")
sys.exit(not (computed[0] > computed[1] and (computed[3:] == 0).all() and falls > 1000))
PYTHON
echo "unchanged: ONNX Runtime's probabilities rank items differently from the logits"
