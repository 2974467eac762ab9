#include "file_kind.hpp"

#include <algorithm>
#include <array>

#include "columnar.hpp"
#include "neumf/core/error.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

using namespace std::string_view_literals;

struct Kind {
  std::string_view magic, name, remedy;
  bool columnar = false;  // could be read through Arrow
};

// In the remedy "$" stands for the file.
constexpr std::array kinds = {
    Kind{"PAR1", "a Parquet file",
         "turn it into text: python3 -c 'import pandas, sys; "
         "pandas.read_parquet(\"$\", dtype_backend=\"pyarrow\").to_csv(sys.stdout, index=False)' | "
         "neumf-preprocess --input -",
         true},
    Kind{"ARROW1", "an Arrow IPC (Feather) file",
         "turn it into text: python3 -c 'import pandas, sys; "
         "pandas.read_feather(\"$\", dtype_backend=\"pyarrow\").to_csv(sys.stdout, index=False)' | "
         "neumf-preprocess --input -",
         true},
    Kind{"\xff\xff\xff\xff", "an Arrow IPC stream",
         "turn it into text: python3 -c 'import pyarrow, sys; "
         "pyarrow.ipc.open_stream(\"$\").read_pandas().to_csv(sys.stdout, index=False)' | "
         "neumf-preprocess --input -",
         true},
    Kind{"FEA1", "a Feather file of version 1",
         "turn it into text: python3 -c 'import pandas, sys; "
         "pandas.read_feather(\"$\").to_csv(sys.stdout, index=False)' | neumf-preprocess --input -"},
    Kind{"\x89HDF\r\n\x1a\n", "an HDF5 file",
         "a data set of neumf-preprocess is given to neumf train --data; write anything else as text first"},
    Kind{"7z\xbc\xaf\x27\x1c", "a 7z archive",
         "pass its file on: 7z x -so $ NAME | neumf-preprocess --input -"},
    Kind{"Rar!\x1a\x07", "a RAR archive", "extract it first: unar $"},
    Kind{"%PDF-", "a PDF document", "it holds no ratings as text"},
    Kind{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word file", "save the sheet as CSV"},
    Kind{"SQLite format 3", "an SQLite database",
         "pass a table on: sqlite3 -header -csv $ 'select * from TABLE' | neumf-preprocess --input -"},
    Kind{"\x93NUMPY", "a NumPy array", "write it with numpy.savetxt"},
    Kind{"MATLAB ", "a MATLAB file", "write its table as text"},
    Kind{"Obj\x01", "an Avro file", "write its records as JSON lines"},
    Kind{"ORC", "an ORC file", "write its table as CSV"},
    Kind{"RDX", "an R data file", "write its table with write.csv"},
    Kind{"version https://git-lfs", "a pointer of Git LFS, not the file itself", "fetch it: git lfs pull"},
    Kind{"\x04\x22\x4d\x18", "compressed with LZ4", "decompress it: lz4 -dc $ | neumf-preprocess --input -"},
    Kind{"\x1f\x9d", "compressed with compress", "decompress it: zcat $ | neumf-preprocess --input -"},
};

bool starts_as_web_page(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  std::string start;
  for (const char c : text.substr(first, 14))
    start += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return start.starts_with("<!doctype html") || start.starts_with("<html");
}

// Of protocol 2 to 5; those before begin as text may.
bool is_pickle(std::string_view text) {
  return text.size() >= 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5;
}

// UTF-16 without its mark: every other byte of ASCII is zero.
bool is_utf16(std::string_view text) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) return true;
  const std::size_t count = std::min<std::size_t>(text.size() / 2 * 2, 256);
  std::size_t even = 0, odd = 0;
  for (std::size_t i = 0; i < count; ++i) (i % 2 == 0 ? even : odd) += text[i] == '\0' ? 1 : 0;
  return count >= 8 && (even * 10 >= count * 4 || odd * 10 >= count * 4);
}

}  // namespace

void require_text(std::string_view beginning, const std::string& file) {
  for (const Kind& kind : kinds) {
    if (!beginning.starts_with(kind.magic)) continue;
    std::string remedy(kind.remedy);
    if (const auto at = remedy.find('$'); at != std::string::npos) remedy.replace(at, 1, file);
    const char* arrow = !kind.columnar ? ""
                        : reads_columnar()
                            ? "only the file itself can be read, not through a pipe or within an archive; or "
                            : "neumf was built without Arrow (-DNEUMF_ARROW), which reads it; or ";
    fail("{}: is {}, not text; {}{}", file, kind.name, arrow, remedy);
  }
  require(!is_pickle(beginning), "{}: is a Python pickle, not text; write its table as CSV", file);
  require(!is_utf16(beginning), "{}: is UTF-16 text; convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)",
          file);
  require(!starts_as_web_page(beginning),
          "{}: is a web page, perhaps what a download got instead of the file; download it again", file);
  require(!beginning.starts_with("<?xml"), "{}: is XML; write its records as CSV or JSON lines", file);
  require(
      beginning.find('\n') != std::string_view::npos ||
          trimmed(beginning).find('\r') == std::string_view::npos,
      "{}: its lines end in CR alone, as on old Macs; pass it on with tr '\\r' '\\n' < {} | neumf-preprocess "
      "--input -",
      file, file);
  require(beginning.substr(0, 4096).find('\0') == std::string_view::npos,
          "{}: holds zero bytes, so it is no text; write its table as CSV", file);
}

}  // namespace neumf::preprocess
