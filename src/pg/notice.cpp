#include "pg/notice.hpp"

#include "pg/boundary.hpp"

namespace etl::pg {

void warn(const std::string& message, const std::string& detail, const std::string& hint)
{
    call([&] {
        ereport(WARNING, (errmsg_internal("%s", message.c_str()), errdetail_internal("%s", detail.c_str()),
                          errhint("%s", hint.c_str())));
    });
}

void notice(const std::string& message)
{
    call([&] { ereport(NOTICE, (errmsg_internal("%s", message.c_str()))); });
}

void debug(const std::string& message, const std::string& detail)
{
    call([&] { ereport(DEBUG1, (errmsg_internal("%s", message.c_str()), errdetail_internal("%s", detail.c_str()))); });
}

} // namespace etl::pg
