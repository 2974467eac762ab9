#include "neumf/config/options.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "neumf/core/error.hpp"
#include "temporary_directory.hpp"

namespace neumf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

Options parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "neumf");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data()).options;
}

TEST(Options, HaveTheReferencesDefaults) {
  const Options o = parse({"--data", "d"});
  EXPECT_EQ(o.epochs, 30);
  EXPECT_EQ(o.batch_size, 1048576);
  EXPECT_EQ(o.valid_batch_size, 1048576);
  EXPECT_EQ(o.factors, 64);
  EXPECT_THAT(o.layers, ElementsAre(256, 256, 128, 64));
  EXPECT_EQ(o.negative_samples, 4u);
  EXPECT_FLOAT_EQ(o.learning_rate, 0.0045f);
  EXPECT_FLOAT_EQ(o.beta1, 0.25f);
  EXPECT_FLOAT_EQ(o.beta2, 0.5f);
  EXPECT_FLOAT_EQ(o.eps, 1e-8f);
  EXPECT_FLOAT_EQ(o.dropout, 0.5f);
  EXPECT_EQ(o.topk, 10);
  EXPECT_EQ(o.threshold, 1.0);
  EXPECT_EQ(o.grads_accumulated, 1);
  EXPECT_EQ(o.mode, Mode::train);
  EXPECT_FALSE(o.shape_given);
}

TEST(Options, AcceptTheReferencesCommandLines) {
  const Options o = parse({"--data",
                           "d",
                           "-e",
                           "3",
                           "-b",
                           "2048",
                           "-f",
                           "8",
                           "--layers",
                           "64",
                           "32",
                           "16",
                           "8",
                           "-n",
                           "5",
                           "-l",
                           "0.002",
                           "-k",
                           "20",
                           "-s",
                           "9",
                           "-t",
                           "0.6",
                           "--amp",
                           "--mode",
                           "test",
                           "--load_checkpoint_path",
                           "c.h5",
                           "--grads_accumulated",
                           "2",
                           "--log_path",
                           "l.json"});
  EXPECT_EQ(o.epochs, 3);
  EXPECT_EQ(o.batch_size, 2048);
  EXPECT_THAT(o.layers, ElementsAre(64, 32, 16, 8));
  EXPECT_EQ(o.negative_samples, 5u);
  EXPECT_EQ(o.topk, 20);
  EXPECT_EQ(o.seed, 9u);
  EXPECT_EQ(o.threshold, 0.6);
  EXPECT_TRUE(o.amp);
  EXPECT_EQ(o.mode, Mode::test);
  EXPECT_EQ(o.grads_accumulated, 2);
  EXPECT_TRUE(o.shape_given);
}

TEST(Options, TakeDashesForUnderscores) {
  const Options o = parse({"--data=some-dir", "--batch-size=12", "--user-embeddings", "replicated",
                           "--exact-negatives", "--layers=64,32"});
  EXPECT_EQ(o.data, "some-dir");  // values are left alone
  EXPECT_EQ(o.batch_size, 12);
  EXPECT_EQ(o.user_embeddings, UserEmbeddings::replicated);
  EXPECT_TRUE(o.exact_negatives);
  EXPECT_THAT(o.layers, ElementsAre(64, 32));
}

TEST(Options, LetTheLastOneWin) {
  const Options o = parse(
      {"--data", "a", "-e", "3", "--layers", "64", "32", "--epochs=4", "--layers", "16", "8", "--data", "b"});
  EXPECT_EQ(o.data, "b");
  EXPECT_EQ(o.epochs, 4);
  EXPECT_THAT(o.layers, ElementsAre(16, 8));
}

TEST(Options, ReadBackTheFileTheyWrite) {
  test::TemporaryDirectory dir;
  const Options o = parse({"--data",
                           "d",
                           "--layers",
                           "64",
                           "32",
                           "--dropout",
                           "0.25",
                           "--sampling",
                           "shuffled",
                           "--seed",
                           "77",
                           "--exact_negatives",
                           "--learning_rate",
                           "0.0031",
                           "--device",
                           "cpu",
                           "--topk_list",
                           "5",
                           "20",
                           "--eval",
                           "full",
                           "--optimizer",
                           "sgd",
                           "--weight_decay",
                           "0.25",
                           "--lr_schedule",
                           "cosine",
                           "--lr_warmup",
                           "3",
                           "--patience",
                           "4",
                           "--pretrained_gmf",
                           "g.h5",
                           "--pretrained_mlp",
                           "m.h5",
                           "--pretrain_alpha",
                           "0.25"});
  std::ofstream(dir / "run.ini") << "# comment\n" << to_ini(o);
  const std::string path = (dir / "run.ini").string();
  const Options back = parse({"--config", path.c_str(), "--seed", "78"});
  EXPECT_EQ(back.seed, 78u);  // the command line wins
  EXPECT_THAT(back.topk_list, ElementsAre(5, 20));
  EXPECT_EQ(back.evaluation, Evaluation::full);
  EXPECT_EQ(back.optimizer, Optimizer::sgd);
  EXPECT_EQ(back.lr_schedule, LearningRateSchedule::cosine);
  EXPECT_EQ(back.patience, 4);
  EXPECT_EQ(back.pretrained_mlp, "m.h5");
  Options expected = o;
  expected.seed = 78;
  EXPECT_EQ(to_ini(back), to_ini(expected));
}

TEST(Options, TakeDashesInFilesToo) {
  test::TemporaryDirectory dir;
  std::ofstream(dir / "a.ini") << "data = x\nbatch-size = 99\nlayers = 32 16 8\n";
  const std::string path = (dir / "a.ini").string();
  const Options o = parse({"--config", path.c_str()});
  EXPECT_EQ(o.batch_size, 99);
  EXPECT_THAT(o.layers, ElementsAre(32, 16, 8));
}

TEST(Options, ReadHowOftenToSave) {
  EXPECT_EQ(parse({"--data", "d"}).checkpoint_every.epochs, 1);
  const auto every = [](const char* text) {
    return parse({"--data", "d", "--checkpoint_every", text}).checkpoint_every;
  };
  EXPECT_EQ(every("5").epochs, 5);
  EXPECT_EQ(every("5").seconds, 0);
  EXPECT_EQ(every("0").epochs, 0);
  EXPECT_EQ(every("90s").seconds, 90);
  EXPECT_EQ(every("90s").epochs, 0);
  EXPECT_EQ(every("1.5m").seconds, 90);
  EXPECT_EQ(every("2h").seconds, 7200);
  for (const char* wrong : {"", "often", "-1", "1.5", "3d", "0s", "5 s", "nan"})
    EXPECT_THAT([&] { every(wrong); }, ThrowsMessage<Error>(HasSubstr("--checkpoint_every"))) << wrong;
  EXPECT_THAT(
      [&] {
        parse({"--data", "d", "--resume"});
      },
      ThrowsMessage<Error>(HasSubstr("--checkpoint_dir")));
}

TEST(Options, ListEveryKOnce) {
  EXPECT_THAT(every_k(parse({"--data", "d"})), ElementsAre(10));
  EXPECT_THAT(every_k(parse({"--data", "d", "--topk_list", "5", "10", "20", "5"})), ElementsAre(10, 5, 20));
  EXPECT_THAT(every_k(parse({"--data", "d", "-k", "20", "--topk_list=5,10"})), ElementsAre(20, 5, 10));
}

TEST(Options, ChooseTheModel) {
  EXPECT_EQ(parse({"--data", "d"}).model, ModelKind::neumf);
  EXPECT_FALSE(parse({"--data", "d"}).model_given);
  const Options o = parse({"--data", "d", "--model", "gmf"});
  EXPECT_EQ(o.model, ModelKind::gmf);
  EXPECT_TRUE(o.model_given);
  EXPECT_FALSE(o.shape_given);
}

TEST(Options, SayWhatIsWrong) {
  EXPECT_THAT([] { parse({}); }, ThrowsMessage<Error>(HasSubstr("--data is missing")));
  EXPECT_THAT([] { parse({"--data", "d", "--layers", ""}); }, ThrowsMessage<Error>(HasSubstr("--layers")));
  // What follows --data d, and a part of the message.
  const std::pair<const char*, const char*> cases[] = {
      {"--nonsense", "nonsense"},
      {"--epo 3", "epo"},  // no guessing
      {"stray", "positional"},
      {"--epochs many", "many"},
      {"--epochs 0", "--epochs 0"},
      {"--batch_size -4", "--batch_size -4"},
      {"--dropout 1", "--dropout 1"},
      {"--layers 256", "--layers"},
      {"--layers 255 64", "must be even"},
      {"--layers 64 x", "'x' is not a whole number"},
      {"--device tpu", "auto, cuda, cpu"},
      {"--precision fp64", "fp32, tf32, fp16, bf16"},
      {"--mode test", "--load_checkpoint_path"},
      {"--config /no/such.ini", "/no/such.ini"},
      {"--model svd", "neumf, gmf, mlp"},
      {"--factors 0", "--factors 0"},
      {"--topk_list 5 0", "--topk_list 0"},
      {"--weight_decay -1", "--weight_decay -1"},
      {"--lr_decay 2", "--lr_decay 2"},
      {"--patience -1", "--patience -1"},
      {"--negatives popularity --exact_negatives", "drawn uniformly"},
      {"--loss hinge", "bce, bpr, softmax, full_softmax"},
      {"--loss full_softmax", "--model gmf"},
      {"--loss full_softmax --model gmf --negatives popularity", "draws no negatives"},
      {"--loss full_softmax --model gmf --freeze users,items", "nothing to train"},
      {"--item_embeddings split", "auto, replicated, sharded"},
      {"--item_embeddings sharded --loss full_softmax --model gmf", "use --item_embeddings replicated"},
      {"--item_embeddings sharded --loss ials --model gmf --embedding_l2 1",
       "use --item_embeddings replicated"},
      {"--item_embeddings sharded --eval full", "use --item_embeddings replicated"},
      {"--item_embeddings sharded --optimizer sgd", "use --item_embeddings replicated"},
      {"--loss ials --embedding_l2 1", "--model gmf"},
      {"--loss ials --model gmf", "give --embedding_l2"},
      {"--loss ials --model gmf --embedding_l2 1 --weight_decay 0.1", "use --embedding_l2"},
      {"--loss ials --model gmf --embedding_l2 1 --freeze users,items", "nothing to train"},
      {"--loss ials --model gmf --embedding_l2 1 --exact_negatives", "draws no negatives"},
      {"--loss ials --model gmf --embedding_l2 1 --user_embeddings replicated", "partitioned"},
      {"--unobserved_weight 0", "--unobserved_weight 0"},
      {"--loss bpr --sampling shuffled", "--sampling grouped"},
      {"--pretrained_gmf g.h5", "belong together"},
      {"--pretrained_gmf g.h5 --pretrained_mlp m.h5 --model mlp", "--model neumf"},
      {"--pretrained_gmf g.h5 --pretrained_mlp m.h5 --pretrain_alpha 2", "--pretrain_alpha 2"},
  };
  for (const auto& [text, part] : cases) {
    std::istringstream stream(std::string("--data d ") + text);
    const std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
    std::vector<const char*> arguments;
    for (const std::string& word : words) arguments.push_back(word.c_str());
    EXPECT_THAT([&] { parse(arguments); }, ThrowsMessage<Error>(HasSubstr(part))) << text;
  }
}

TEST(Options, RefuseNonsenseNumbers) {
  const std::vector<std::string> whole{
      "epochs", "batch_size",       "grads_accumulated", "valid_batch_size", "factors",
      "layers", "negative_samples", "lr_warmup",         "lr_decay_epochs",  "seed",
      "topk",   "topk_list",        "patience",          "threads",          "keep_last"};
  const std::vector<std::string> real{"pretrain_alpha", "dropout",
                                      "learning_rate",  "beta1",
                                      "beta2",          "eps",
                                      "weight_decay",   "lr_decay",
                                      "threshold",      "stall_timeout",
                                      "embedding_l2",   "popularity_power",
                                      "l2_power",       "unobserved_weight"};
  const auto refused = [](const std::string& name, const std::string& value) {
    const std::string option = "--" + name;
    EXPECT_THAT(
        [&] {
          parse({"--data", "d", option.c_str(), value.c_str()});
        },
        ThrowsMessage<Error>(HasSubstr(option)))
        << option << ' ' << value;
  };
  for (const auto& names : {whole, real})
    for (const auto& name : names)
      for (const char* value : {"nan", "inf", "-inf", "1e400", "-1e400", "3x", "0x10", "", "1 x", "-1"})
        refused(name, value);
  for (const auto& name : whole)
    for (const char* value : {"2.5", "1e3", "99999999999999999999", "-99999999999999999999"})
      refused(name, value);
  refused("threshold", "95");  // a percentage, which is never reached
  refused("threshold", "1.0001");
  refused("pretrain_alpha", "50");
  refused("epochs", "2147483648");
  refused("negative_samples", "4294967297");  // 1, if it were cut
  refused("dropout", "0.99999999999");        // 1 as a float
  refused("checkpoint_every", "1e9h");
}

TEST(Options, KeepOddNamesInTheFile) {
  test::TemporaryDirectory dir;
  for (const char* name :
       {"exp#7", "exp #7", " lead", "trail ", "\"q\"", "a\\b", "x;y", "a = b", "#", "two\nlines"}) {
    const Options o = parse({"--data", name, "--checkpoint_dir", name, "--log_path", name});
    const std::string path = (dir / "run.ini").string();
    std::ofstream(path) << to_ini(o);
    const Options back = parse({"--config", path.c_str()});
    EXPECT_EQ(back.data, name);
    EXPECT_EQ(back.checkpoint_dir, name);
    EXPECT_EQ(back.log_path, name);
    EXPECT_THAT(settings_of(to_ini(o)), testing::Contains(testing::Pair("checkpoint_dir", name)));
  }
}

TEST(Options, NameWhatShapesTheResultAndChanged) {
  const std::string saved = to_ini(parse({"--data", "d", "--dropout", "0.25", "--epochs", "3"}));
  EXPECT_THAT(changed_options(saved, parse({"--data", "e", "--dropout", "0.25", "--epochs", "4"})),
              testing::IsEmpty());
  EXPECT_THAT(changed_options(
                  saved, parse({"--data", "d", "--seed", "9", "--sampling", "shuffled", "--threads", "2"})),
              ElementsAre("note: --dropout is 0.5, but was 0.25 when the run was saved",
                          "note: --sampling is shuffled, but was grouped when the run was saved",
                          "note: --seed is 9, but was 1 when the run was saved"));
}

TEST(Options, PrintHelpAndVersion) {
  const char* help[] = {"neumf", "--help"};
  const auto line = parse_command_line(2, help);
  EXPECT_EQ(line.action, CommandLine::Action::print);
  for (const char* name : {"--data",
                           "--epochs",
                           "--batch_size",
                           "--valid_batch_size",
                           "--factors",
                           "--layers",
                           "--negative_samples",
                           "--learning_rate",
                           "--topk",
                           "--seed",
                           "--threshold",
                           "--beta1",
                           "--beta2",
                           "--eps",
                           "--dropout",
                           "--checkpoint_dir",
                           "--load_checkpoint_path",
                           "--mode",
                           "--grads_accumulated",
                           "--amp",
                           "--log_path",
                           "--config"})
    EXPECT_THAT(line.text, HasSubstr(name));
  const char* version[] = {"neumf", "--version"};
  EXPECT_THAT(parse_command_line(2, version).text, HasSubstr("neumf "));
}

}  // namespace
}  // namespace neumf
