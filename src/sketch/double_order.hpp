// Doubles in ascending order, none of them NaN.
#pragma once

#include <vector>

namespace etl {

void sort_doubles(std::vector<double>& values);

} // namespace etl
