#include "validate/condition_language.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/condition_token.hpp"
#include "validate/nearest.hpp"
#include "validate/sql_text.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr int deepest = 50;

// Reads the condition into SQL while it goes, by recursive descent.
class reader {
  public:
    reader(std::string_view condition, condition_dialect dialect)
        : text_{condition}, dialect_{dialect}, tokens_{condition}
    {
        advance();
    }

    std::string read()
    {
        std::string sql = disjunction();
        if (token_.is != token::kind::end) {
            refuse();
        }
        return sql;
    }

  private:
    [[noreturn]] void refuse() const
    {
        const bool gx = dialect_ == condition_dialect::great_expectations;
        const char* name = gx ? "great_expectations" : dialect_ == condition_dialect::pandas ? "pandas" : "spark";
        const std::string near =
            token_.is == token::kind::end ? "at its end" : "at " + in_quotes(shortened(token_.source));
        throw error(sqlstate::invalid_parameter_value,
                    "row_condition is not understood as one of " + std::string{name} + " " + near,
                    "It is: " + shortened(text_) + ".",
                    gx ? "Conditions of this condition_parser are like col(\"price\") > 0 and col(\"state\").notNull()."
                       : "Write the condition in SQL, with \"condition_parser\": \"sql\".");
    }

    void advance() { token_ = tokens_.next(); }

    bool at_sign(std::string_view sign) const { return token_.is == token::kind::sign && token_.source == sign; }
    bool at_word(std::string_view word) const
    {
        return token_.is == token::kind::word && lower_case(token_.source) == word;
    }

    bool skip_sign(std::string_view sign)
    {
        const bool found = at_sign(sign);
        if (found) {
            advance();
        }
        return found;
    }

    bool skip_word(std::string_view word)
    {
        const bool found = at_word(word);
        if (found) {
            advance();
        }
        return found;
    }

    void expect_sign(std::string_view sign)
    {
        if (!skip_sign(sign)) {
            refuse();
        }
    }

    // --- conditions -----------------------------------------------------------------------------------------------

    std::string disjunction()
    {
        std::string sql = conjunction();
        while (skip_word("or") || skip_short_sign("|")) {
            sql += " OR " + conjunction();
        }
        return sql;
    }

    std::string conjunction()
    {
        std::string sql = negation();
        while (skip_word("and") || skip_short_sign("&")) {
            sql += " AND " + negation();
        }
        return sql;
    }

    std::string negation()
    {
        if (!skip_word("not") && !skip_short_sign("~")) {
            return condition();
        }
        enter();
        const std::string sql = negation();
        --depth_;
        return negated(sql);
    }

    // These signs are those of `and`, `or` and `not`, but in Spark of bits.
    bool skip_short_sign(std::string_view sign) { return dialect_ != condition_dialect::spark && skip_sign(sign); }

    // In pandas a condition on a missing value is false, and its contrary true.
    std::string negated(const std::string& sql) const
    {
        return dialect_ == condition_dialect::pandas ? "((" + sql + ") IS NOT TRUE)" : "(NOT (" + sql + "))";
    }

    std::string condition()
    {
        if (skip_sign("(")) {
            enter();
            const std::string sql = disjunction();
            --depth_;
            expect_sign(")");
            return "(" + sql + ")";
        }
        const bool from_column = !is_value();
        std::string left = operand();
        if (from_column && skip_sign(".")) {
            return null_test(left);
        }
        if (from_column && (at_word("in") || at_word("not"))) {
            return membership(left);
        }
        if (!at_comparison()) {
            if (from_column && dialect_ != condition_dialect::great_expectations) {
                return left; // a column of booleans
            }
            refuse();
        }
        return comparisons(std::move(left));
    }

    // a < b, and Python's a < b < c
    std::string comparisons(std::string left)
    {
        std::string sql;
        while (at_comparison()) {
            const std::string sign{token_.source};
            advance();
            std::string right = operand();
            sql += sql.empty() ? "" : " AND ";
            sql += left;
            sql += in_sql(sign);
            sql += right;
            left = std::move(right);
        }
        return sql;
    }

    bool at_comparison() const
    {
        constexpr std::array<std::string_view, 6> signs{"==", "!=", "<", "<=", ">", ">="};
        const bool single = dialect_ == condition_dialect::spark && at_sign("=");
        return single ||
               (token_.is == token::kind::sign && std::find(signs.begin(), signs.end(), token_.source) != signs.end());
    }

    std::string in_sql(const std::string& sign) const
    {
        if (sign == "==") {
            return " = ";
        }
        if (sign == "!=") {
            return dialect_ == condition_dialect::pandas ? " IS DISTINCT FROM " : " <> ";
        }
        return " " + sign + " ";
    }

    std::string null_test(const std::string& column)
    {
        const std::string method = lower_case(token_.source);
        advance();
        expect_sign("(");
        expect_sign(")");
        if (method == "isnull" || method == "isna") {
            return column + " IS NULL";
        }
        if (method == "notnull" || method == "notna" || method == "isnotnull") {
            return column + " IS NOT NULL";
        }
        refuse();
    }

    std::string membership(const std::string& column)
    {
        const bool out = skip_word("not");
        if (!skip_word("in")) {
            refuse();
        }
        const std::string close = at_sign("[") ? "]" : ")";
        if (!skip_sign("[") && !skip_sign("(")) {
            refuse();
        }
        std::string list;
        while (!at_sign(close)) {
            if (!is_value()) {
                refuse();
            }
            list += (list.empty() ? "" : ", ") + operand();
            if (!at_sign(close)) {
                expect_sign(",");
            }
        }
        advance();
        const std::string sql = list.empty() ? "FALSE" : column + " IN (" + list + ")";
        return out ? negated(sql) : sql;
    }

    // --- operands -------------------------------------------------------------------------------------------------

    bool is_value() const
    {
        return token_.is == token::kind::number || token_.is == token::kind::text || at_sign("-") || at_sign("+") ||
               at_word("true") || at_word("false") || (gx() && at_word("date"));
    }

    bool gx() const { return dialect_ == condition_dialect::great_expectations; }

    std::string operand()
    {
        if (skip_sign("-")) {
            return "-" + number();
        }
        if (skip_sign("+")) {
            return number();
        }
        const token here = token_;
        switch (here.is) {
        case token::kind::number:
            return number();
        case token::kind::text:
            return text();
        case token::kind::name:
            advance();
            return sql_name(here.value);
        case token::kind::word:
            return word();
        case token::kind::sign:
        case token::kind::broken:
        case token::kind::end:
            break;
        }
        refuse();
    }

    // A backslash means itself to Great Expectations and something else to pandas and Spark.
    std::string text()
    {
        const std::string_view value = token_.value;
        if (!gx() && value.find('\\') != std::string_view::npos) {
            refuse();
        }
        advance();
        return sql_literal(value);
    }

    std::string number()
    {
        if (token_.is != token::kind::number) {
            refuse();
        }
        std::string made{token_.source};
        advance();
        return made.back() == '.' ? made + '0' : made;
    }

    std::string word()
    {
        for (const char* reserved : {"and", "or", "not", "in", "is", "none", "null", "like", "between", "case"}) {
            if (at_word(reserved)) {
                refuse();
            }
        }
        const std::string found{token_.source};
        const std::string word = lower_case(found);
        advance();
        if (word == "true" || word == "false") {
            return word == "true" ? "TRUE" : "FALSE";
        }
        if (gx()) {
            return call(word);
        }
        if (at_sign("(")) {
            refuse(); // a function
        }
        return sql_name(found);
    }

    // col("name") or date("2024-01-31")
    std::string call(const std::string& function)
    {
        if ((function != "col" && function != "date") || !skip_sign("(") || token_.is != token::kind::text) {
            refuse();
        }
        const std::string_view value = token_.value;
        advance();
        expect_sign(")");
        return function == "col" ? sql_name(value) : "date " + sql_literal(value);
    }

    void enter()
    {
        if (++depth_ > deepest) {
            throw error(sqlstate::program_limit_exceeded,
                        "row_condition must not nest deeper than " + std::to_string(deepest) + " levels");
        }
    }

    std::string_view text_;
    condition_dialect dialect_;
    tokenizer tokens_;
    token token_;
    int depth_ = 0;
};

} // namespace

std::string condition_in_sql(std::string_view condition, condition_dialect dialect)
{
    return reader{condition, dialect}.read();
}

} // namespace etl::validate
