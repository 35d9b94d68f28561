import Domain
import HTTP
import JSON

extension Query {
    /// The one value of a parameter, nil if it is not there.
    func value(_ name: String) throws -> String? {
        let values = values(name)
        guard values.count <= 1 else {
            throw AppError.malformed("The parameter \(name) is given \(values.count) times.")
        }
        return values.first
    }

    func page() throws -> Page {
        var page = Page()
        if let limit = try integer("limit", in: Int64(Page.limits.lowerBound)...Int64(Page.limits.upperBound)) {
            page.limit = Int(limit)
        }
        page.after = try integer("after", in: 0...Int64.max) ?? 0
        return page
    }

    private func integer(_ name: String, in range: ClosedRange<Int64>) throws -> Int64? {
        guard let text = try value(name) else { return nil }
        guard text.utf8.first.map({ $0 != UInt8(ascii: "+") }) ?? false, let value = Int64(text), range.contains(value)
        else {
            throw AppError.malformed(
                "The parameter \(name) must be an integer from \(range.lowerBound) to \(range.upperBound)."
            )
        }
        return value
    }
}

extension Response {
    /// Tells where the rows after this page are (RFC 8288); `filter` is a parameter of the list to be kept, encoded.
    mutating func addNextLink(_ path: String, filter: String? = nil, page: Page, lastID: Int64) {
        let filter = filter.map { "\($0)&" } ?? ""
        add("Link", "<\(path)?\(filter)limit=\(page.limit)&after=\(lastID)>; rel=\"next\"")
    }

    static func json(_ status: Status, _ json: JSONWriter) -> Response {
        Response(status, type: "application/json", body: json.bytes)
    }
}
