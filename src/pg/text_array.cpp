#include "pg/text_array.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
}

#include <vector>

namespace etl::pg {

Datum make_text_array(std::span<const std::string> texts)
{
    std::vector<Datum> elements;
    elements.reserve(texts.size());
    for (const std::string& text : texts) {
        elements.push_back(make_text(text));
    }
    return call([data = elements.data(), count = static_cast<int>(elements.size())] {
        return PointerGetDatum(construct_array(data, count, TEXTOID, -1, false, TYPALIGN_INT));
    });
}

} // namespace etl::pg
