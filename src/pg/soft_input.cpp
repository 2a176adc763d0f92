#include "pg/soft_input.hpp"

extern "C" {
#if PG_VERSION_NUM >= 160000
#include <nodes/miscnodes.h>
#endif
#include <utils/lsyscache.h>
}

namespace etl::pg {

soft_batch::~soft_batch()
{
    if (is_open_) {
        try {
            inner_->discard();
        } catch (...) { // what is being raised already says more
        }
    }
}

void soft_batch::begin()
{
    if (!is_open_) {
        inner_.emplace();
        is_open_ = true;
    }
}

void soft_batch::finish()
{
    if (is_open_) {
        is_open_ = false;
        inner_->commit();
    }
}

value_fault soft_batch::fault_raised()
{
    constexpr std::string_view insufficient_privilege = "42501";
    is_open_ = false; // also where the error goes on
    caught_error raised = inner_->roll_back();
    if (raised.sqlstate == insufficient_privilege) {
        throw error("42501", std::move(raised.message), std::move(raised.detail));
    }
    return {std::move(raised.sqlstate), std::move(raised.message), std::move(raised.detail), std::move(raised.column)};
}

value_input::value_input(Oid type, std::int32_t modifier) : type_{type}, modifier_{modifier}
{
    call([this] {
        Oid input = InvalidOid;
        getTypeInputInfo(type_, &input, &parameter_);
        fmgr_info(input, &function_);
    });
    is_strict_ = function_.fn_strict;
}

std::optional<value_fault> value_input::read(std::string_view text, soft_batch& batch, Datum& value)
{
    if (text.find('\0') != std::string_view::npos) {
        return value_fault{"22021", "the text holds the character \\u0000", {}};
    }
    text_ = text;
    return read_text(text_.c_str(), batch, value);
}

std::optional<value_fault> value_input::read_null(soft_batch& batch)
{
    Datum none{0};
    return is_strict_ ? std::nullopt : read_text(nullptr, batch, none);
}

#if PG_VERSION_NUM >= 160000

std::optional<value_fault> value_input::read_text(const char* text, soft_batch& batch, Datum& value)
{
    ErrorSaveContext refused = {};
    refused.type = T_ErrorSaveContext;
    refused.details_wanted = true;
    auto raised = batch.attempt([this, text, &refused, &value] {
        if (!InputFunctionCallSafe(&function_, const_cast<char*>(text), parameter_, modifier_,
                                   reinterpret_cast<Node*>(&refused), &value)) {
            value = Datum{0};
        }
    });
    if (raised || !refused.error_occurred) {
        return raised;
    }
    const ErrorData* why = refused.error_data;
    return value_fault{unpack_sql_state(why->sqlerrcode), why->message == nullptr ? "" : why->message,
                       why->detail == nullptr ? "" : why->detail};
}

#else

std::optional<value_fault> value_input::read_text(const char* text, soft_batch& batch, Datum& value)
{
    return batch.attempt([this, text, &value] {
        value = InputFunctionCall(&function_, const_cast<char*>(text), parameter_, modifier_);
    });
}

#endif

} // namespace etl::pg
