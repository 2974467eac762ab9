#include "neumf/data/hdf5.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "neumf/core/error.hpp"
#include "temporary_directory.hpp"

namespace neumf::hdf5 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Hdf5, ReadsBackWhatItWrote) {
  test::TemporaryDirectory dir;
  {
    File file = File::create(dir / "a.h5");
    file.write("/group/ids", std::vector<std::uint32_t>{1, 2, 300}, compact_unsigned_type(300));
    const std::vector<float> matrix{1, 2, 3, 4, 5, 6};
    file.write<float>("matrix", matrix, {3, 2});
    file.write("empty", std::vector<std::uint32_t>{});
    file.write_strings("names", {"ä", "longer", ""});
    file.set_attribute("count", std::int64_t{-7});
    file.set_attribute("rate", 0.25);
    file.set_attribute("text", std::string("hello"));
    file.set_attribute("text", std::string("replaced"));
    file.close();
  }
  const File file = File::open(dir / "a.h5");
  EXPECT_THAT(file.read<std::uint64_t>("/group/ids"), ElementsAre(1, 2, 300));
  std::vector<float> rows(4);
  file.read_rows<float>("matrix", 1, rows);
  EXPECT_THAT(rows, ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(file.dims("matrix"), ElementsAre(3, 2));
  EXPECT_TRUE(file.read<std::uint32_t>("empty").empty());
  EXPECT_TRUE(file.holds_strings("names"));
  EXPECT_FALSE(file.holds_strings("matrix"));
  EXPECT_THAT(file.read_strings("names"), ElementsAre("ä", "longer", ""));
  EXPECT_EQ(file.int_attribute("count"), -7);
  EXPECT_EQ(file.double_attribute("rate"), 0.25);
  EXPECT_EQ(file.string_attribute("text"), "replaced");
}

TEST(Hdf5, VirtualDatasetJoinsFiles) {
  test::TemporaryDirectory dir;
  for (std::uint32_t part = 0; part < 2; ++part) {
    File file = File::create(dir / ("part" + std::to_string(part) + ".h5"));
    const std::vector<std::uint32_t> data{10 * part, 10 * part + 1, 10 * part + 2, 10 * part + 3};
    file.write<std::uint32_t>("/data", data, {2, 2});
    file.close();
  }
  File joined = File::create(dir / "joined.h5");
  joined.write_virtual("/all", {4, 2}, H5T_STD_U32LE, {{"part0.h5", "/data", 2}, {"part1.h5", "/data", 2}});
  EXPECT_THROW(joined.write_virtual("/bad", {2, 2}, H5T_STD_U32LE, {{"../part0.h5", "/data", 2}}), Error);
  joined.close();
  EXPECT_THAT(File::open(dir / "joined.h5", OtherFiles::followed).read<std::uint32_t>("/all"),
              ElementsAre(0, 1, 2, 3, 10, 11, 12, 13));
  // Zeros would pass for data.
  std::filesystem::remove(dir / "part0.h5");
  EXPECT_THAT(File::open(dir / "joined.h5", OtherFiles::followed).read<std::uint32_t>("/all"),
              ElementsAre(UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 10, 11, 12, 13));
}

TEST(Hdf5, NamesFileAndObjectInErrors) {
  test::TemporaryDirectory dir;
  EXPECT_THAT([&] { File::open(dir / "absent.h5"); },
              ThrowsMessage<Error>(HasSubstr("absent.h5: no such file")));
  std::ofstream(dir / "junk.h5") << "not HDF5";
  EXPECT_THAT([&] { File::open(dir / "junk.h5"); }, ThrowsMessage<Error>(HasSubstr("junk.h5")));
  EXPECT_THAT([&] { File::create(dir / "no/such/dir.h5"); }, ThrowsMessage<Error>(HasSubstr("dir.h5")));
  File file = File::create(dir / "a.h5");
  file.write("x", std::vector<float>{1, 2});
  EXPECT_THAT([&] { file.read<float>("y/z"); }, ThrowsMessage<Error>(HasSubstr("y/z is missing")));
  std::vector<float> out(3);
  EXPECT_THAT([&] { file.read_rows<float>("x", 0, out); }, ThrowsMessage<Error>(HasSubstr("fewer rows")));
  EXPECT_THAT([&] { (void)file.int_attribute("n"); }, ThrowsMessage<Error>(HasSubstr("'n' is missing")));
}

// What a hostile file can say of itself: 2^64 elements, a number that wraps around to none.
TEST(Hdf5, RefusesDimensionsWhoseProductWrapsAround) {
  test::TemporaryDirectory dir;
  {
    const Handle file(H5Fcreate((dir / "a.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    const Dims dims{hsize_t{1} << 32, hsize_t{1} << 32}, chunk{1, 1};
    const Handle space(H5Screate_simple(2, dims.data(), nullptr), H5Sclose);
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    ASSERT_GE(H5Pset_chunk(properties.get(), 2, chunk.data()), 0);
    const Handle dataset(H5Dcreate2(file.get(), "data", H5T_STD_U32LE, space.get(), H5P_DEFAULT,
                                    properties.get(), H5P_DEFAULT),
                         H5Dclose);
    ASSERT_GE(dataset.get(), 0);
  }
  EXPECT_THAT([&] { (void)File::open(dir / "a.h5").read<std::uint32_t>("data"); },
              ThrowsMessage<Error>(HasSubstr("data claims 18446744073709551616 elements")));
}

TEST(Hdf5, ChecksumCatchesAFlippedBit) {
  test::TemporaryDirectory dir;
  const std::vector<std::uint32_t> data(1000, 0xABCDEF01);
  {
    File file = File::create(dir / "a.h5");
    file.write("data", data);
    file.close();
  }
  std::fstream raw(dir / "a.h5", std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(raw)), {});
  const auto at = bytes.find(std::string("\x01\xEF\xCD\xAB\x01\xEF\xCD\xAB", 8));
  ASSERT_NE(at, std::string::npos);
  raw.clear();
  raw.seekp(static_cast<std::streamoff>(at) + 400);
  raw.put('\x77');
  raw.close();
  EXPECT_THROW(File::open(dir / "a.h5").read<std::uint32_t>("data"), Error);
}

}  // namespace
}  // namespace neumf::hdf5
