// The characters that the rules for international host names speak of, as RE2 writes what stands within a class.
//
// From the Unicode Character Database, version 14. Letters, marks and digits in general are RE2's own categories.
#pragma once

namespace etl::validate::schema::idna {

// RFC 5892, section 2.6 and appendix A: allowed, some of them only beside certain others. Cherokee's small letters
// stand for its capitals.
inline constexpr char exceptions[] =
    R"(\-\x{b7}\x{375}\x{5f3}\x{5f4}\x{6fd}\x{6fe}\x{f0b}\x{200c}\x{200d}\x{3007}\x{30fb}\x{13a0}-\x{13f5})";

// Sections 2.6 to 2.9: letters and marks that are not; what is not seen, or means music or parts of old Hangul.
inline constexpr char disallowed[] =
    R"(\x{34f}\x{640}\x{7fa}\x{1100}-\x{11ff}\x{17b4}\x{17b5}\x{180b}-\x{180d}\x{180f}\x{20d0}-\x{20ff}\x{302e})"
    R"(\x{302f}\x{3031}-\x{3035}\x{303b}\x{3164}\x{a960}-\x{a97f}\x{d7b0}-\x{d7ff}\x{fe00}-\x{fe0f}\x{ffa0})"
    R"(\x{1d100}-\x{1d24f}\x{e0100}-\x{e01ef})";

// Other forms of letters and digits, which stand for the usual ones and so in no label in Punycode.
inline constexpr char compatible[] =
    R"(\x{f900}-\x{fa0d}\x{fa2a}-\x{faff}\x{fb00}-\x{fb1d}\x{fb1f}-\x{fdff}\x{fe70}-\x{fefc}\x{ff00}-\x{ffef})"
    R"(\x{1d400}-\x{1d7ff}\x{1ee00}-\x{1eeff}\x{1fbf0}-\x{1fbf9}\x{2f800}-\x{2fa1f})";

// Marks that mute the vowel of a consonant (canonical combining class 9).
inline constexpr char viramas[] =
    R"(\x{94d}\x{9cd}\x{a4d}\x{acd}\x{b4d}\x{bcd}\x{c4d}\x{ccd}\x{d3b}\x{d3c}\x{d4d}\x{dca}\x{e3a}\x{eba}\x{f84})"
    R"(\x{1039}\x{103a}\x{1714}\x{1715}\x{1734}\x{17d2}\x{1a60}\x{1b44}\x{1baa}\x{1bab}\x{1bf2}\x{1bf3}\x{2d7f})"
    R"(\x{a806}\x{a82c}\x{a8c4}\x{a953}\x{a9c0}\x{aaf6}\x{abed}\x{10a3f}\x{11046}\x{11070}\x{1107f}\x{110b9}\x{11133})"
    R"(\x{11134}\x{111c0}\x{11235}\x{112ea}\x{1134d}\x{11442}\x{114c2}\x{115bf}\x{1163f}\x{116b6}\x{1172b}\x{11839})"
    R"(\x{1193d}\x{1193e}\x{119e0}\x{11a34}\x{11a47}\x{11a99}\x{11c3f}\x{11d44}\x{11d45}\x{11d97})";

// Letters that join the one after them (joining types D and L), and letters that join the one before (D and R).
inline constexpr char joins_next[] =
    R"(\x{620}\x{626}\x{628}\x{62a}-\x{62e}\x{633}-\x{63f}\x{641}-\x{647}\x{649}\x{64a}\x{66e}\x{66f}\x{678}-\x{687})"
    R"(\x{69a}-\x{6bf}\x{6c1}\x{6c2}\x{6cc}\x{6ce}\x{6d0}\x{6d1}\x{6fa}-\x{6fc}\x{6ff}\x{712}-\x{714}\x{71a}-\x{71d})"
    R"(\x{71f}-\x{727}\x{729}\x{72b}\x{72d}\x{72e}\x{74e}-\x{758}\x{75c}-\x{76a}\x{76d}-\x{770}\x{772}\x{775}-\x{777})"
    R"(\x{77a}-\x{77f}\x{7ca}-\x{7ea}\x{841}-\x{845}\x{848}\x{84a}-\x{853}\x{855}\x{860}\x{862}-\x{865}\x{868}\x{886})"
    R"(\x{889}-\x{88d}\x{8a0}-\x{8a9}\x{8af}\x{8b0}\x{8b3}-\x{8b8}\x{8ba}-\x{8c8}\x{1807}\x{1820}-\x{1878})"
    R"(\x{1887}-\x{18a8}\x{18aa}\x{a840}-\x{a872}\x{10ac0}-\x{10ac4}\x{10acd}\x{10ad3}-\x{10adc}\x{10ade}-\x{10ae0})"
    R"(\x{10aeb}-\x{10aee}\x{10b80}\x{10b82}\x{10b86}-\x{10b88}\x{10b8a}\x{10b8b}\x{10b8d}\x{10b90}\x{10bad}\x{10bae})"
    R"(\x{10d00}-\x{10d21}\x{10d23}\x{10f30}-\x{10f32}\x{10f34}-\x{10f44}\x{10f51}-\x{10f53}\x{10f70}-\x{10f73})"
    R"(\x{10f76}-\x{10f81}\x{10fb0}\x{10fb2}\x{10fb3}\x{10fb8}\x{10fbb}\x{10fbc}\x{10fbe}\x{10fbf}\x{10fc1}\x{10fc4})"
    R"(\x{10fca}\x{10fcb}\x{1e900}-\x{1e943})";
inline constexpr char joins_previous[] =
    R"(\x{620}\x{622}-\x{63f}\x{641}-\x{64a}\x{66e}\x{66f}\x{671}-\x{673}\x{675}-\x{6d3}\x{6d5}\x{6ee}\x{6ef})"
    R"(\x{6fa}-\x{6fc}\x{6ff}\x{710}\x{712}-\x{72f}\x{74d}-\x{77f}\x{7ca}-\x{7ea}\x{840}-\x{858}\x{860})"
    R"(\x{862}-\x{865}\x{867}-\x{86a}\x{870}-\x{882}\x{886}\x{889}-\x{88e}\x{8a0}-\x{8ac}\x{8ae}-\x{8c8}\x{1807})"
    R"(\x{1820}-\x{1878}\x{1887}-\x{18a8}\x{18aa}\x{a840}-\x{a871}\x{10ac0}-\x{10ac5}\x{10ac7}\x{10ac9}\x{10aca})"
    R"(\x{10ace}-\x{10ad6}\x{10ad8}-\x{10ae1}\x{10ae4}\x{10aeb}-\x{10aef}\x{10b80}-\x{10b91}\x{10ba9}-\x{10bae})"
    R"(\x{10d01}-\x{10d23}\x{10f30}-\x{10f44}\x{10f51}-\x{10f54}\x{10f70}-\x{10f81}\x{10fb0}\x{10fb2}-\x{10fb6})"
    R"(\x{10fb8}-\x{10fbf}\x{10fc1}-\x{10fc4}\x{10fc9}\x{10fca}\x{1e900}-\x{1e943})";
inline constexpr char joins_through[] = R"(\p{Mn}\p{Me}\p{Cf})"; // (type T)

// Letters that are written from right to left (bidirectional classes R and AL), with the marks between them.
inline constexpr char right_to_left[] =
    R"(\x{5d0}-\x{5f4}\x{620}-\x{64a}\x{66e}-\x{6d5}\x{6e5}-\x{6ef}\x{6fa}-\x{8ff}\x{fb1d}-\x{fdff}\x{fe70}-\x{fefc})"
    R"(\x{10800}-\x{10d2f}\x{10d3a}-\x{10e5f}\x{10e7f}-\x{10fff}\x{1e800}-\x{1efff})";
inline constexpr char arabic_digits[] = R"(\x{660}-\x{669}\x{10d30}-\x{10d39}\x{10e60}-\x{10e7e})"; // (class AN)
inline constexpr char european_digits[] = R"(0-9\x{6f0}-\x{6f9})";                                  // (class EN)

} // namespace etl::validate::schema::idna
