#include "help.hpp"

#include <ostream>

#include "neumf/config/documents.hpp"
#include "neumf/core/error.hpp"
#include "options.hpp"
#include "preprocess.hpp"

namespace neumf::preprocess {
namespace {

constexpr const char* usage =
    "Usage: neumf-preprocess --input FILE --output DIR [options]\n"
    "       neumf-preprocess --synthetic NAME --output DIR [options]\n";
constexpr const char* about =
    "Turns a file of ratings into a data set for neumf: HDF5 shards of users and dataset.h5.\n"
    "Each user's latest interaction is held out for the test.\n";
constexpr const char* formats =
    "  csv      one row per line; columns by the names of a header, --user_column and so on\n"
    "  json     one JSON object per line\n"
    "  netflix  the files of the Netflix Prize\n"
    "  parquet  Parquet; columns by their names. Only where the build has Arrow\n"
    "  arrow    Arrow IPC (Feather 2), files or streams. Only where the build has Arrow\n"
    "  ml-20m   userId,movieId,rating,timestamp   (also ml-25m, ml-32m, ml-latest)\n"
    "  ml-1m    user::item::rating::timestamp     (also ml-10m)\n"
    "  ml-100k  user item rating timestamp, separated by tabs\n"
    "  ncf      PREFIX.train.rating, PREFIX.test.rating, PREFIX.test.negative; --input is PREFIX\n"
    "Ids are text unless --format names one of MovieLens' own. The summary says what was recognised.\n";

}  // namespace

void print_help(std::ostream& out) {
  out << usage << '\n' << about << '\n' << format_options(option_texts()) << "\nFormats:\n" << formats;
}

std::string manual_page() {
  return fmt::format(
      ".TH NEUMF\\-PREPROCESS 1 \"\" \"{}\" \"User Commands\"\n.SH NAME\n"
      "neumf\\-preprocess \\- turn ratings into a data set for neumf\n.SH SYNOPSIS\n"
      ".B neumf\\-preprocess\n\\-\\-input FILE \\-\\-output DIR [options]\n.br\n"
      ".B neumf\\-preprocess\n\\-\\-synthetic NAME \\-\\-output DIR [options]\n"
      ".SH DESCRIPTION\n{}.SH OPTIONS\n{}.SH FORMATS\n{}.SH SEE ALSO\n.BR neumf (1)\n",
      program_version(), manual_paragraphs(about), manual_options(option_texts()),
      manual_paragraphs(formats));
}

std::string bash_completion() {
  return completion_script("neumf-preprocess", completion_body(option_texts()));
}

}  // namespace neumf::preprocess
