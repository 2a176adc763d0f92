// Compressed archive files: zstd (with its checksum) and gzip.
//
// Readers believe nothing: a file that is cut, changed, or followed by anything is an error, and whatever a file says
// that it holds, memory stays bounded by the window of the method (8 MB of zstd).
#pragma once

#include "retention/archive_format.hpp"
#include "core/byte_stream.hpp"

#include <memory>
#include <string>

namespace etl {

// What compresses into `to`, which must outlive it; finish() does not finish `to`. nullptr for no compression.
std::unique_ptr<byte_sink> make_compressor(archive_format format, byte_sink& to);

// What decompresses from `from`, which must outlive it. nullptr for no compression. Throws (XX001)
// with the name of the file.
std::unique_ptr<byte_source> make_decompressor(archive_format format, byte_source& from, const std::string& name);

} // namespace etl
