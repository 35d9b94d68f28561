#include "pages.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char home_html[] = {
#embed "Files/home.html"
};
static const unsigned char docs_html[] = {
#embed "Files/docs.html"
};
static const unsigned char status_html[] = {
#embed "Files/status.html"
};
static const unsigned char status_js[] = {
#embed "Files/status.js"
};
static const unsigned char openapi_json[] = {
#embed "Files/openapi.json"
};
static const unsigned char site_css[] = {
#embed "Files/site.css"
};
static const unsigned char site_js[] = {
#embed "Files/site.js"
};
static const unsigned char home_js[] = {
#embed "Files/home.js"
};
static const unsigned char docs_js[] = {
#embed "Files/docs.js"
};
static const unsigned char icon_svg[] = {
#embed "Files/icon.svg"
};

const struct page page_home_html = {home_html, sizeof home_html};
const struct page page_docs_html = {docs_html, sizeof docs_html};
const struct page page_status_html = {status_html, sizeof status_html};
const struct page page_status_js = {status_js, sizeof status_js};
const struct page page_openapi_json = {openapi_json, sizeof openapi_json};
const struct page page_site_css = {site_css, sizeof site_css};
const struct page page_site_js = {site_js, sizeof site_js};
const struct page page_home_js = {home_js, sizeof home_js};
const struct page page_docs_js = {docs_js, sizeof docs_js};
const struct page page_icon_svg = {icon_svg, sizeof icon_svg};
