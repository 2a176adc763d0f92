#include "pg/text_array.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
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

std::vector<std::string> read_text_array(Datum array)
{
    struct elements {
        Datum* values;
        bool* nulls;
        int count;
        bool are_names;
    };
    const elements found = call([array] {
        elements made = {};
        ArrayType* from = DatumGetArrayTypeP(array);
        made.are_names = ARR_ELEMTYPE(from) == NAMEOID;
        if (made.are_names) {
            deconstruct_array(from, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &made.values, &made.nulls, &made.count);
        } else {
            deconstruct_array(from, TEXTOID, -1, false, TYPALIGN_INT, &made.values, &made.nulls, &made.count);
        }
        return made;
    });
    std::vector<std::string> made;
    for (int i = 0; i < found.count; ++i) {
        if (found.nulls[i]) {
            made.emplace_back();
        } else if (found.are_names) {
            made.emplace_back(NameStr(*DatumGetName(found.values[i])));
        } else {
            made.emplace_back(call([value = found.values[i]] { return varlena_text(value); }));
        }
    }
    return made;
}

Datum parse_text_array(const char* text)
{
    Oid input = InvalidOid;
    Oid element = InvalidOid;
    getTypeInputInfo(TEXTARRAYOID, &input, &element);
    return OidInputFunctionCall(input, const_cast<char*>(text), element, -1);
}

} // namespace etl::pg
