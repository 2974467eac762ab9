// The paper's Keras files, and NeuMF joined from GMF and MLP, on 1 and 3 ranks.
#include "neumf/checkpoint/weights.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "neumf/checkpoint/keras_weights.hpp"
#include "neumf/checkpoint/writer.hpp"
#include "neumf/core/error.hpp"
#include "neumf/nn/neumf_model.hpp"
#include "toy_data_fixture.hpp"

namespace neumf {
namespace {

using test::Device;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::uint32_t users = 20, items = 6;

ModelShape shape_of(ModelKind kind, std::int64_t of_users = users) {
  return ModelShape::of(kind, of_users, items, 3, {8, 5, 4});
}

// How versions of Keras name a layer's matrices.
struct KerasNames {
  std::string root, weight, embedding, bias;
};
const KerasNames paper{"/", "_W", "_W", "_b"};
const KerasNames keras2{"/model_weights/", "/kernel:0", "/embeddings:0", "/bias:0"};

// Writes a model's weights as Keras does: one element at a time, from the layout that the header describes.
void write_keras(const std::filesystem::path& path, const ParameterLayout& layout, std::vector<float> weights,
                 const KerasNames& names) {
  const auto weight = [&](const Segment& s) {
    return Matrix<float>{weights.data() + s.offset, s.rows, s.cols};
  };
  const bool gmf = !layout.head_gmf.empty(), mlp = !layout.head_mlp.empty();
  auto file = hdf5::File::create(path);
  const auto write = [&](const std::string& layer, const std::string& ending, hsize_t rows, hsize_t cols,
                         const auto& at) {
    std::vector<float> host;
    for (hsize_t r = 0; r < rows; ++r)
      for (hsize_t c = 0; c < cols; ++c)
        host.push_back(at(static_cast<std::int64_t>(r), static_cast<std::int64_t>(c)));
    const hdf5::Dims dims = ending == names.bias ? hdf5::Dims{rows} : hdf5::Dims{rows, cols};
    file.write<float>(names.root + layer + "/" + layer + ending, host, dims);
  };
  const auto table = [&](const std::string& layer, const Segment& s) {
    write(layer, names.embedding, static_cast<hsize_t>(s.rows), static_cast<hsize_t>(s.cols),
          [&](auto r, auto c) { return weight(s).row(r)[c]; });
  };
  const auto vector = [&](const std::string& layer, const Segment& s) {
    write(layer, names.bias, static_cast<hsize_t>(s.size()), 1,
          [&](auto r, auto) { return weight(s).data[r]; });
  };
  if (gmf) {
    table(mlp ? "mf_embedding_user" : "user_embedding", layout.user_gmf);
    table(mlp ? "mf_embedding_item" : "item_embedding", layout.item_gmf);
  }
  if (mlp) {
    table(gmf ? "mlp_embedding_user" : "user_embedding", layout.user_mlp);
    table(gmf ? "mlp_embedding_item" : "item_embedding", layout.item_mlp);
    const auto half = layout.pair_user.cols;
    write("layer1", names.weight, static_cast<hsize_t>(2 * half), static_cast<hsize_t>(layout.pair_user.rows),
          [&](auto in, auto out) {
            return in < half ? weight(layout.pair_user).row(out)[in]
                             : weight(layout.pair_item).row(out)[in - half];
          });
    vector("layer1", layout.pair_bias);
    for (std::size_t i = 0; i < layout.hidden_weight.size(); ++i) {
      const auto& w = layout.hidden_weight[i];
      const std::string layer = fmt::format("layer{}", i + 2);
      write(layer, names.weight, static_cast<hsize_t>(w.cols), static_cast<hsize_t>(w.rows),
            [&](auto in, auto out) { return weight(w).row(out)[in]; });
      vector(layer, layout.hidden_bias[i]);
    }
  }
  const auto f = layout.head_gmf.cols;
  write("prediction", names.weight, static_cast<hsize_t>(f + layout.head_mlp.cols), 1, [&](auto in, auto) {
    return in < f ? weight(layout.head_gmf).data[in] : weight(layout.head_mlp).data[in - f];
  });
  vector("prediction", layout.head_bias);
  file.close();
}

class Weights : public test::OnToyData {
 protected:
  Weights() : OnToyData(users, items) {}

  Parameters<Device, float> parameters(ModelKind kind, const UserRange& range, std::uint64_t seed) {
    Parameters<Device, float> p(context_, shape_of(kind), static_cast<std::int64_t>(range.size()));
    p.initialise(context_, seed, range.first);
    return p;
  }
  std::filesystem::path save(ModelKind kind, std::uint64_t seed) {
    auto p = parameters(kind, range_, seed);
    const CheckpointDirectory directory(world_, dir_ / name_of(kind));
    CheckpointWriter<Device, float> writer(context_, world_, directory, *dataset_, p, range_, 0, 1);
    writer.save_best({shape_of(kind), dataset_->id(), 1, 0.5, 0.25, 10, "epochs = 3\n"});
    writer.finish();
    return dir_ / name_of(kind) / "best.h5";
  }
  std::filesystem::path save_keras(ModelKind kind, std::uint64_t seed, const KerasNames& names) {
    const auto path = dir_ / "keras.h5";
    if (world_.is_root()) {
      auto p = parameters(kind, {0, users}, seed);
      write_keras(path, p.layout(), test::fetch(context_, p.weights()), names);
    }
    world_.barrier();
    return path;
  }
  // Logits of all items for the rank's users.
  std::vector<float> scores(ModelKind kind, Parameters<Device, float>& p) {
    std::vector<std::uint32_t> rows, columns;
    for (std::uint32_t u = 0; u < range_.size(); ++u) {
      rows.push_back(u);
      for (std::uint32_t i = 0; i < items; ++i) columns.push_back(i);
    }
    const auto device_rows = test::to_device(context_, rows),
               device_columns = test::to_device(context_, columns);
    const BatchView batch{static_cast<std::int64_t>(rows.size()), items, device_rows.data(),
                          device_columns.data()};
    NeuMF<Device, float> model(p, shape_of(kind), batch.groups, items, false);
    Tensor<float, Device> logits(batch.samples());
    model.begin_step(context_, batch.samples());
    model.score(context_, batch, logits.data());
    return test::fetch(context_, logits.span());
  }
};

TEST_F(Weights, ReadKerasFilesOfEveryModel) {
  for (const ModelKind kind : {ModelKind::neumf, ModelKind::gmf, ModelKind::mlp})
    for (const KerasNames& names : {paper, keras2}) {
      SCOPED_TRACE(fmt::format("{}, {}", name_of(kind), names.weight));
      const auto path = save_keras(kind, 5, names);
      EXPECT_TRUE(is_keras_weights(path));
      EXPECT_EQ(read_weights_info(path).shape, shape_of(kind));
      for (const UserRange range : {UserRange{0, users}, UserRange{4, 17}}) {
        auto expected = parameters(kind, range, 5), loaded = parameters(kind, range, 6);
        load_weights(context_, path, loaded, WeightRows::in_order(range, items));
        EXPECT_EQ(test::fetch(context_, expected.weights()), test::fetch(context_, loaded.weights()));
      }
      world_.barrier();
    }
}

TEST_F(Weights, SayWhatIsWrongWithAKerasFile) {
  if (!world_.is_root()) return;
  const auto write = [&](const char* name, const hdf5::Dims& dims) {
    auto file = hdf5::File::create(dir_ / "bad.h5");
    const auto put = [&](const std::string& object, hdf5::Dims size) {
      if (object == name) size = dims;
      if (size.empty()) return;
      std::vector<float> host(size.size() == 1 ? size[0] : size[0] * size[1], 1.0f);
      file.write<float>(object, host, size);
    };
    put("/user_embedding/user_embedding_W", {users, 4});
    put("/item_embedding/item_embedding_W", {items, 4});
    put("/layer1/layer1_W", {8, 5});
    put("/layer1/layer1_b", {5});
    put("/prediction/prediction_W", {5, 1});
    put("/prediction/prediction_b", {1});
    file.close();
  };
  const auto load = [&] {
    const auto shape = read_weights_info(dir_ / "bad.h5").shape;
    Parameters<Device, float> p(context_, shape, users);
    load_weights(context_, dir_ / "bad.h5", p, WeightRows::in_order({0, users}, items));
  };
  write("none", {});
  EXPECT_NO_THROW(load());
  write("/item_embedding/item_embedding_W", {items, 5});
  EXPECT_THAT(load, ThrowsMessage<Error>(HasSubstr("item_embedding_W has the shape [6, 5]")));
  write("/layer1/layer1_W", {7, 5});
  EXPECT_THAT(load, ThrowsMessage<Error>(
                        HasSubstr("layer1_W has the shape [7, 5], but the other matrices need [8, 5]")));
  write("/prediction/prediction_W", {6, 1});
  EXPECT_THAT(load, ThrowsMessage<Error>(HasSubstr("prediction_W has the shape [6, 1]")));
  write("/prediction/prediction_b", {});
  EXPECT_THAT(load, ThrowsMessage<Error>(HasSubstr("prediction_b is missing")));
  write("/layer1/layer1_b", {2, 5});
  EXPECT_THAT(load, ThrowsMessage<Error>(HasSubstr("layer1_b")));
  write("none", {});
  {
    const hid_t file = H5Fopen((dir_ / "bad.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t dataset = H5Dopen2(file, "/layer1/layer1_b", H5P_DEFAULT);
    const std::vector<float> values(5, std::nanf(""));
    H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(dataset);
    H5Fclose(file);
  }
  EXPECT_THAT(load, ThrowsMessage<Error>(HasSubstr("layer1_b holds a value that is not a finite number")));
  EXPECT_FALSE(is_keras_weights(dir_ / layout::dataset_file));
  EXPECT_FALSE(is_keras_weights(dir_ / "none.h5"));
}

// The joined model's logit is the parts' weighted mean.
TEST_F(Weights, JoinPretrainedModels) {
  const auto gmf_file = save(ModelKind::gmf, 5);
  auto mlp_file = save(ModelKind::mlp, 6);
  auto gmf = parameters(ModelKind::gmf, range_, 5), mlp = parameters(ModelKind::mlp, range_, 6);
  const auto gmf_scores = scores(ModelKind::gmf, gmf), mlp_scores = scores(ModelKind::mlp, mlp);
  EXPECT_EQ(joined_shape(gmf_file, mlp_file), shape_of(ModelKind::neumf));
  for (const bool keras : {false, true}) {
    if (keras) mlp_file = save_keras(ModelKind::mlp, 6, paper);
    for (const double alpha : {0.5, 0.25, 1.0}) {
      auto joined = parameters(ModelKind::neumf, range_, 7);
      const auto rows = WeightRows::in_order(range_, items);
      load_pretrained(context_, {gmf_file, rows}, {mlp_file, rows}, alpha, joined);
      const auto got = scores(ModelKind::neumf, joined);
      double spread = 0;
      for (std::size_t s = 0; s < got.size(); ++s) {
        const double want = alpha * gmf_scores[s] + (1 - alpha) * mlp_scores[s];
        EXPECT_NEAR(got[s], want, 1e-6) << "alpha " << alpha;
        spread = std::max(spread, std::fabs(want - alpha * gmf_scores[0] - (1 - alpha) * mlp_scores[0]));
      }
      EXPECT_GT(spread, 1e-5);
    }
  }
}

TEST_F(Weights, RefuseToJoinWhatDoesNotFit) {
  const auto gmf = save(ModelKind::gmf, 5), mlp = save(ModelKind::mlp, 6), neumf = save(ModelKind::neumf, 7);
  EXPECT_THAT(
      [&] { joined_shape(mlp, gmf); },
      ThrowsMessage<Error>(HasSubstr("mlp/best.h5: holds a model of kind mlp, but --pretrained_gmf")));
  EXPECT_THAT([&] { joined_shape(gmf, neumf); },
              ThrowsMessage<Error>(HasSubstr("--pretrained_mlp needs one of kind mlp")));
}

}  // namespace
}  // namespace neumf
