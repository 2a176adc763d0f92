// Any text as the logs in an answer of a node: it is refused, or each log is decoded or has a reason.
#include "extract/evm_log.hpp"
#include "core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const std::vector<std::string> declarations{
        "Transfer(address indexed from, address indexed to, uint256 value)",
        "Transfer(address indexed from, address indexed to, uint256 indexed tokenId)",
        "Placed(bytes32 indexed id, string note, (address token, uint256 amount)[] items, int64 delta, bool ok)"};
    static const etl::evm::event_table events{declarations};
    try {
        std::vector<etl::evm::log> logs;
        for (const etl::json& each : etl::parse_json({reinterpret_cast<const char*>(data), size}, "answer", 8)) {
            logs.push_back(etl::evm::read_log(each, events, {0, INT64_MAX, {}}));
        }
        etl::evm::require_one_chain(logs);
        for (const etl::evm::log& each : logs) {
            const etl::evm::decoded_log made = etl::evm::decode(each, events);
            if (made.arguments.size() != events.columns().size() ||
                (made.reason.empty() && !made.arguments[0] && !made.arguments[4])) {
                std::abort();
            }
        }
    } catch (const etl::error&) {
        // no logs, or not such ones
    }
    return 0;
}
