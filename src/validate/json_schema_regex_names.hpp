// What ECMA-262 names or implies in a regular expression and RE2 does not: the blanks of \s, the line ends that a dot
// stands aside for, and the long names of Unicode's general categories.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace etl::validate::schema {

inline constexpr char blanks[] =
    R"(\x{9}-\x{d}\x{20}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";
inline constexpr char other_than_blanks[] =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e})"
    R"(\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff})";
inline constexpr char nothing[] = R"([^\x{0}-\x{10ffff}])";
inline constexpr char anything[] = R"([\x{0}-\x{10ffff}])";
inline constexpr char no_line_end[] = R"([^\x{a}\x{d}\x{2028}\x{2029}])";

// RE2 knows the general categories by their short names only (Unicode Standard Annex 44, table 12).
struct category_name {
    std::string_view longer;
    std::string_view shorter;
};
inline constexpr std::array categories{
    category_name{"Letter", "L"},
    category_name{"Uppercase_Letter", "Lu"},
    category_name{"Lowercase_Letter", "Ll"},
    category_name{"Titlecase_Letter", "Lt"},
    category_name{"Modifier_Letter", "Lm"},
    category_name{"Other_Letter", "Lo"},
    category_name{"Mark", "M"},
    category_name{"Combining_Mark", "M"},
    category_name{"Nonspacing_Mark", "Mn"},
    category_name{"Spacing_Mark", "Mc"},
    category_name{"Enclosing_Mark", "Me"},
    category_name{"Number", "N"},
    category_name{"Decimal_Number", "Nd"},
    category_name{"digit", "Nd"},
    category_name{"Letter_Number", "Nl"},
    category_name{"Other_Number", "No"},
    category_name{"Punctuation", "P"},
    category_name{"punct", "P"},
    category_name{"Connector_Punctuation", "Pc"},
    category_name{"Dash_Punctuation", "Pd"},
    category_name{"Open_Punctuation", "Ps"},
    category_name{"Close_Punctuation", "Pe"},
    category_name{"Initial_Punctuation", "Pi"},
    category_name{"Final_Punctuation", "Pf"},
    category_name{"Other_Punctuation", "Po"},
    category_name{"Symbol", "S"},
    category_name{"Math_Symbol", "Sm"},
    category_name{"Currency_Symbol", "Sc"},
    category_name{"Modifier_Symbol", "Sk"},
    category_name{"Other_Symbol", "So"},
    category_name{"Separator", "Z"},
    category_name{"Space_Separator", "Zs"},
    category_name{"Line_Separator", "Zl"},
    category_name{"Paragraph_Separator", "Zp"},
    category_name{"Other", "C"},
    category_name{"Control", "Cc"},
    category_name{"cntrl", "Cc"},
    category_name{"Format", "Cf"},
    category_name{"Surrogate", "Cs"},
    category_name{"Private_Use", "Co"},
};

inline std::string_view short_category(std::string_view name)
{
    const auto* found = std::find_if(categories.begin(), categories.end(),
                                     [name](const category_name& each) { return each.longer == name; });
    return found != categories.end() ? found->shorter : name;
}

} // namespace etl::validate::schema
