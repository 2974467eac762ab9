#include "neumf/serve/item_names.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "neumf/core/error.hpp"
#include "temporary_directory.hpp"

namespace neumf::serve {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class ItemNames : public testing::Test {
 protected:
  std::vector<std::string> read(const std::string& text) {
    std::ofstream(directory_ / "movies") << text;
    return read_item_names(directory_ / "movies", catalogue_);
  }

  test::TemporaryDirectory directory_;
  IdIndex catalogue_{{"11", "7", "3"}};
};

TEST_F(ItemNames, AreReadFromMovieLensFiles) {
  EXPECT_THAT(
      read("movieId,title,genres\r\n3,Heat (1995),Action\r\n11,\"American President, The (1995)\",x\r\n"),
      ElementsAre("American President, The (1995)", "", "Heat (1995)"));
  EXPECT_THAT(read("3::Heat (1995)::Action\n7::Am\xE9lie::Comedy\n99::Unknown::x\n"),
              ElementsAre("", "Amélie", "Heat (1995)"));
  EXPECT_THAT(read("3|Heat (1995)|01-Jan-1995||http://x|0\n"), ElementsAre("", "", "Heat (1995)"));
  EXPECT_THAT(read("name\titem_id\nHeat\t3\n"), ElementsAre("", "", "Heat"));
  EXPECT_THAT(read("product_id,title\n3,Heat\n"), ElementsAre("", "", "Heat"));
  EXPECT_THAT(read("id,Title,asin\n7,Heat,3\n"), ElementsAre("", "", "Heat"));
}

TEST_F(ItemNames, MayHoldLineEndsInQuotes) {
  EXPECT_THAT(read("\xEF\xBB\xBFmovieId,title,x\r\n3,\"Heat\r\nof the \"\"night\"\"\",\"a\nb\"\n7,Se7en,\n"),
              ElementsAre("", "Se7en", "Heat\nof the \"night\""));
}

TEST_F(ItemNames, SayWhatIsWrongWithAFile) {
  const auto message = [&](const std::string& text, const std::string& part) {
    EXPECT_THAT([&] { read(text); }, ThrowsMessage<Error>(HasSubstr(part))) << text;
  };
  message("movieId,genres\n3,x\n", "line 1: neither");
  message("movieId,title\n3,a\n7\n", "line 3: 1 columns");
  message("movieId,title\n3,\"a\n", "line 2: a quoted field is not closed");
  message("movieId,title\n3,\"a\n7,b \"c\" d\n",
          "line 2: the quote that begins a field there ends in line 3");
  message("movieId,title\n4,a\n", "none of its items");
  message("", "none of its items");
  EXPECT_THAT([&] { read_item_names("/no/such/file", catalogue_); },
              ThrowsMessage<Error>(HasSubstr("/no/such/file: cannot read")));
}

}  // namespace
}  // namespace neumf::serve
