// Compressed files: zstd (with its checksum) and gzip.
//
// Readers believe nothing: a file that is cut, changed, or followed by anything is an error, and whatever a file says
// that it holds, memory stays bounded by the window of the method (8 MB of zstd).
#pragma once

#include "core/byte_stream.hpp"

#include <memory>
#include <string>

namespace etl {

enum class packed_by { nothing, gzip, zstd };

// What compresses into `to`, which must outlive it; finish() does not finish `to`. nullptr for no compression.
std::unique_ptr<byte_sink> make_compressor(packed_by method, byte_sink& to);

// What decompresses from `from`, which must outlive it. nullptr for no compression. Throws (XX001) with the name of the
// file, as in: archive file "/a/b". A file of several parts, each compressed for itself, is read to the end where it
// may be one.
enum class packed_parts { one, many };
std::unique_ptr<byte_source> make_decompressor(packed_by method, byte_source& from, const std::string& name,
                                               packed_parts parts = packed_parts::one);

} // namespace etl
