// What may be sent, and what HTTP says about methods and redirects.
#pragma once

#include "extract/http_settings.hpp"
#include "extract/http_url.hpp"

#include <string>
#include <string_view>

namespace etl {

// RFC 9110, section 9.2.2.
bool is_idempotent(std::string_view method) noexcept;

bool is_redirect(int status) noexcept;
// Throws 08P01 when there have been too many.
void count_redirect(int redirects, const http_request& request, const std::string& to);
// What browsers and the standard have made of 301 to 303: all but HEAD become GET, without the body.
void change_method(http_request& request, int status);

// A name of RFC 9110 and a value of one line, neither of them one that libcurl sets itself. Throws 22023.
void check_header(const http_header& header);
// The caller's part of a request, in which nothing may stand in the place of what the settings say. Throws 22023.
void check_request(const http_request& request, const http_settings& settings);

// Throws 42501 unless the host is allowed, and the proxy's where there is one.
void require_allowed(const http_url& url, const http_settings& settings);

} // namespace etl
