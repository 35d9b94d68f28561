// The files under Files/, as bytes of the program. (SwiftPM's own embedding writes each byte as Swift source, which
// takes the compiler a minute.)
#include <stddef.h>

struct page {
    const unsigned char *bytes;
    size_t count;
};

extern const struct page page_home_html, page_docs_html, page_status_html, page_status_js, page_openapi_json, page_site_css, page_site_js, page_home_js,
    page_docs_js, page_icon_svg;
