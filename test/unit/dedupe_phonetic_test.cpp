// Phonetic codes against published values.
#include "dedupe/double_metaphone.hpp"
#include "dedupe/latin_letters.hpp"
#include "dedupe/metaphone.hpp"
#include "dedupe/nysiis.hpp"
#include "dedupe/soundex.hpp"

#include "core/error.hpp"
#include "dedupe/code_points.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace {

using namespace etl::dedupe;

struct known {
    const char* name;
    const char* code;
};

struct known_pair {
    const char* name;
    const char* primary;
    const char* alternate;
};

TEST(LatinLetters, FoldsAndDrops)
{
    EXPECT_EQ(latin_letters("O'Brien-Smith 3rd"), "OBRIENSMITHRD");
    EXPECT_EQ(latin_letters(" O\u2019Brien -- Smith. ", spaces::keep), "OBRIEN SMITH");
    EXPECT_EQ(latin_letters("Müller Weiß Łódź Æsir Þór Ørsted"), "MULLERWEISSLODZAESIRTHORORSTED");
    EXPECT_EQ(latin_letters("Mu\u0308ller", spaces::keep), "MULLER") << "a combining mark is no end of a word";
    EXPECT_EQ(latin_letters("François"), "FRANCOIS");
    EXPECT_EQ(latin_letters("François", spaces::keep, cedilla::is_s), "FRANSOIS");
    EXPECT_EQ(latin_letters("ＦＵＬＬ"), "FULL") << "full width";
    EXPECT_EQ(latin_letters("ﬁ"), "FI");
    EXPECT_EQ(latin_letters("日本 12 \xff\xc3"), "");
    EXPECT_EQ(latin_letters("a\xff"
                            "b",
                            spaces::keep),
              "A B");
    EXPECT_THROW(latin_letters(std::string(longest_text + 1, 'a')), etl::error);
}

// The examples of the National Archives' page on the census index, and of D. E. Knuth, "The Art of Computer
// Programming", volume 3, section 6.
TEST(Soundex, PublishedValues)
{
    constexpr known all[] = {{"Robert", "R163"},
                             {"Rupert", "R163"},
                             {"Rubin", "R150"},
                             {"Ashcraft", "A261"},
                             {"Ashcroft", "A261"},
                             {"Tymczak", "T522"},
                             {"Pfister", "P236"},
                             {"Honeyman", "H555"},
                             {"Jackson", "J250"},
                             {"Washington", "W252"},
                             {"Lee", "L000"},
                             {"Gutierrez", "G362"},
                             {"Euler", "E460"},
                             {"Ellery", "E460"},
                             {"Gauss", "G200"},
                             {"Ghosh", "G200"},
                             {"Hilbert", "H416"},
                             {"Heilbronn", "H416"},
                             {"Knuth", "K530"},
                             {"Kant", "K530"},
                             {"Lloyd", "L300"},
                             {"Ladd", "L300"},
                             {"Lukasiewicz", "L222"},
                             {"Lissajous", "L222"},
                             {"Łukasiewicz", "L222"},
                             {"o'hara", "O600"},
                             {"", ""},
                             {"42", ""},
                             {"Ж", ""}};
    for (const known& each : all) {
        EXPECT_EQ(soundex(each.name), each.code) << each.name;
    }
}

// The examples that go with the common descriptions of the code.
TEST(Nysiis, PublishedValues)
{
    constexpr known all[] = {{"MACINTOSH", "MCANT"},
                             {"KNUTH", "NAT"},
                             {"KOEHN", "CAN"},
                             {"PHILLIPSON", "FALAPSAN"},
                             {"PFEISTER", "FASTAR"},
                             {"SCHOENHOEFT", "SANAFT"},
                             {"MCKEE", "MCY"},
                             {"HEITSCHMIDT", "HATSNAD"},
                             {"BART", "BAD"},
                             {"HURD", "HAD"},
                             {"HUNT", "HAD"},
                             {"WESTERLUND", "WASTARLAD"},
                             {"CASSTEVENS", "CASTAFAN"},
                             {"VASQUEZ", "VASG"},
                             {"FRAZIER", "FRASAR"},
                             {"BOWMAN", "BANAN"},
                             {"MCKNIGHT", "MCNAGT"},
                             {"RICKERT", "RACAD"},
                             {"DEUTSCH", "DAT"},
                             {"WESTPHAL", "WASTFAL"},
                             {"SHRIVER", "SRAVAR"},
                             {"KUHL", "CAL"},
                             {"RAWSON", "RASAN"},
                             {"JILES", "JAL"},
                             {"CARRAWAY", "CARY"},
                             {"YAMADA", "YANAD"},
                             {"", ""},
                             {"a", "A"},
                             {"as", "A"},
                             {"O'Daniel", "ODANAL"}};
    for (const known& each : all) {
        EXPECT_EQ(nysiis(each.name, 20), each.code) << each.name;
    }
    EXPECT_EQ(nysiis("PHILLIPSON"), "FALAPS") << "the original length";
}

TEST(Metaphone, RulesOfTheArticle)
{
    constexpr known all[] = {
        {"Thumb", "0M"},   {"Knight", "NT"},   {"Gnome", "NM"},  {"Pneumonia", "NMN"},  {"Aeon", "EN"},
        {"Wright", "RT"},  {"Xavier", "SFR"},  {"Which", "WX"},  {"Special", "SPXL"},   {"School", "SKL"},
        {"Church", "XRX"}, {"Science", "SNS"}, {"City", "ST"},   {"Cat", "KT"},         {"Edge", "EJ"},
        {"Dog", "TK"},     {"Night", "NT"},    {"Ghost", "KST"}, {"Sign", "SN"},        {"Signed", "SNT"},
        {"Gem", "JM"},     {"Egg", "EK"},      {"Ahead", "AHT"}, {"Sarah", "SR"},       {"Back", "BK"},
        {"Phone", "FN"},   {"Queen", "KN"},    {"Shoe", "X"},    {"Vision", "FXN"},     {"Asia", "AX"},
        {"Nation", "NXN"}, {"Match", "MX"},    {"Thin", "0N"},   {"Vat", "FT"},         {"Awake", "AWK"},
        {"Box", "BKS"},    {"Yes", "YS"},      {"Boy", "B"},     {"Zoo", "S"},          {"Success", "SKSS"},
        {"Letter", "LTR"}, {"Chris", "KRS"},   {"McCoy", "MKK"}, {"Thompson", "0MPSN"}, {"", ""},
        {"12", ""},        {"Wrack", "RK"},    {"X", "S"},       {"Whale", "WL"},       {"Gumbo", "KMB"}};
    for (const known& each : all) {
        EXPECT_EQ(metaphone(each.name, 10), each.code) << each.name;
    }
    EXPECT_EQ(metaphone("Pneumonoultramicroscopic"), "NMNL");
}

// Philips' own examples, and those commonly published with ports of his code.
TEST(DoubleMetaphone, PublishedValues)
{
    constexpr known_pair all[] = {{"Smith", "SM0", "XMT"},
                                  {"Schmidt", "XMT", "SMT"},
                                  {"Thompson", "TMPS", "TMPS"},
                                  {"Thomas", "TMS", "TMS"},
                                  {"Catherine", "K0RN", "KTRN"},
                                  {"Katherine", "K0RN", "KTRN"},
                                  {"Richard", "RXRT", "RKRT"},
                                  {"Bob", "PP", "PP"},
                                  {"Eric", "ARK", "ARK"},
                                  {"Geoff", "JF", "KF"},
                                  {"Dave", "TF", "TF"},
                                  {"Ray", "R", "R"},
                                  {"Steven", "STFN", "STFN"},
                                  {"bryce", "PRS", "PRS"},
                                  {"Randy", "RNT", "RNT"},
                                  {"bryan", "PRN", "PRN"},
                                  {"Otto", "AT", "AT"},
                                  {"maurice", "MRS", "MRS"},
                                  {"michael", "MKL", "MXL"},
                                  {"Caesar", "SSR", "SSR"},
                                  {"Chianti", "KNT", "KNT"},
                                  {"Czerny", "SRN", "XRN"},
                                  {"focaccia", "FKX", "FKX"},
                                  {"bacchus", "PKS", "PKS"},
                                  {"accident", "AKST", "AKST"},
                                  {"bertucci", "PRTX", "PRTX"},
                                  {"McClellan", "MKLL", "MKLL"},
                                  {"McHugh", "MK", "MK"},
                                  {"edge", "AJ", "AJ"},
                                  {"Edgar", "ATKR", "ATKR"},
                                  {"ghislane", "JLN", "JLN"},
                                  {"laugh", "LF", "LF"},
                                  {"McLaughlin", "MKLF", "MKLF"},
                                  {"Hugh", "H", "H"},
                                  {"bough", "P", "P"},
                                  {"tagliaro", "TKLR", "TLR"},
                                  {"biaggi", "PJ", "PK"},
                                  {"danger", "TNJR", "TNKR"},
                                  {"cagney", "KKN", "KKN"},
                                  {"Jose", "HS", "HS"},
                                  {"San Jacinto", "SNHS", "SNHS"},
                                  {"Yankelovich", "ANKL", "ANKL"},
                                  {"Jankelowicz", "JNKL", "ANKL"},
                                  {"bajador", "PJTR", "PHTR"},
                                  {"cabrillo", "KPRL", "KPR"},
                                  {"gallegos", "KLKS", "KKS"},
                                  {"dumb", "TM", "TM"},
                                  {"thumb", "0M", "TM"},
                                  {"Campbell", "KMPL", "KMPL"},
                                  {"raspberry", "RSPR", "RSPR"},
                                  {"rogier", "RJ", "RJR"},
                                  {"hochmeier", "HKMR", "HKMR"},
                                  {"island", "ALNT", "ALNT"},
                                  {"sugar", "XKR", "SKR"},
                                  {"snider", "SNTR", "XNTR"},
                                  {"schneider", "XNTR", "SNTR"},
                                  {"schermerhorn", "XRMR", "SKRM"},
                                  {"schooner", "SKNR", "SKNR"},
                                  {"resnais", "RSN", "RSNS"},
                                  {"artois", "ART", "ARTS"},
                                  {"Wasserman", "ASRM", "FSRM"},
                                  {"Arnow", "ARN", "ARNF"},
                                  {"filipowicz", "FLPT", "FLPF"},
                                  {"breaux", "PR", "PR"},
                                  {"zhao", "J", "J"},
                                  {"Xavier", "SF", "SFR"},
                                  {"Wright", "RT", "RT"},
                                  {"Knuth", "N0", "NT"},
                                  {"Psalm", "SLM", "SLM"},
                                  {"garçon", "KRSN", "KRSN"},
                                  {"Muñoz", "MNS", "MNS"},
                                  {"", "", ""},
                                  {"7", "", ""}};
    for (const known_pair& each : all) {
        const auto codes = double_metaphone(each.name);
        EXPECT_EQ(codes.primary, each.primary) << each.name;
        EXPECT_EQ(codes.alternate, each.alternate) << each.name;
    }
    EXPECT_EQ(double_metaphone("Schwarzenegger", 10).primary, "XRSNKR");
    EXPECT_EQ(double_metaphone("maurice", 2).primary, "MR");
}

TEST(PhoneticCodes, RefuseALengthBelowOne)
{
    for (const int length : {0, -1, std::numeric_limits<int>::min()}) {
        EXPECT_THROW(nysiis("a", length), etl::error);
        EXPECT_THROW(metaphone("a", length), etl::error);
        EXPECT_THROW(double_metaphone("a", length), etl::error);
    }
    EXPECT_EQ(metaphone("Smith", std::numeric_limits<int>::max()), "SM0");
}

} // namespace
