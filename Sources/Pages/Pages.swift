internal import CPages

/// The files that are part of the program, as they are under `Sources/CPages/Files`.
package enum Pages {
    package static let homeHTML = bytes(page_home_html)
    package static let docsHTML = bytes(page_docs_html)
    package static let statusHTML = bytes(page_status_html)
    package static let statusJS = bytes(page_status_js)
    package static let openapiJSON = bytes(page_openapi_json)
    package static let siteCSS = bytes(page_site_css)
    package static let siteJS = bytes(page_site_js)
    package static let homeJS = bytes(page_home_js)
    package static let docsJS = bytes(page_docs_js)
    package static let iconSVG = bytes(page_icon_svg)

    private static func bytes(_ page: page) -> [UInt8] {
        Array(UnsafeBufferPointer(start: page.bytes, count: page.count))
    }
}
