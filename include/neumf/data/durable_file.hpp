// Files that survive a crash whole or not at all.
#pragma once

#include <filesystem>

namespace neumf {

// Forces a file, and the directory entry that names it, to disk. Throws Error naming the file.
void sync_to_disk(const std::filesystem::path& path);
// Renames and syncs the directory, so that the new name survives a crash only with its full content. Throws
// Error naming the file.
void publish(const std::filesystem::path& temporary, const std::filesystem::path& final_path);

}  // namespace neumf
