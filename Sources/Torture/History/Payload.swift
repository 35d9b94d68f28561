/// What a write puts into a row: unique, so that wherever it is seen, the write is known, and whether all of it is there.
package struct Payload: Hashable, Sendable {
    /// The number of the write in its run.
    package let serial: Int
    /// Whether the row is made with it: what a new row cannot be told comes out as the service's default.
    package let isNew: Bool
    /// The run, so that nothing of another one passes for ours.
    package let run: String

    package init(serial: Int, isNew: Bool, run: String) {
        (self.serial, self.isNew, self.run) = (serial, isNew, run)
    }

    private static let longPastes = [20_000, 70_000, 250_000]

    private var mark: String { "hf-\(run)-\(isNew ? "n" : "c")\(serial)." }

    /// Short ones, long ones, and with something else in every position, so that a mixture of two is neither.
    private func padded(to length: Int) -> String {
        let mark = mark
        guard mark.utf8.count < length else { return mark }
        let filling = Array("\(serial)abcdefghijklmnopqrstuvwxyz".utf8)
        var text = Array(mark.utf8)
        text.reserveCapacity(length)
        while text.count < length { text.append(filling[text.count % filling.count]) }
        return String(decoding: text, as: UTF8.self)
    }

    package var title: String { padded(to: [0, 40, 200, 480][serial % 4]) }
    package var status: String { isNew ? "todo" : ["todo", "doing", "done"][serial % 3] }
    package var firstName: String { padded(to: [0, 30, 180][serial % 3]) }
    package var lastName: String? { serial % 4 == 0 ? nil : "of \(serial)" }

    /// Some of many pages, most of a few hundred bytes.
    package var paste: String {
        padded(to: serial % 16 == 0 ? Self.longPastes[serial / 16 % Self.longPastes.count] : 100 + serial % 900)
    }

    /// The payload whose text begins like this one, if it is of this run.
    fileprivate init?(startOf text: String, run: String) {
        let prefix = "hf-\(run)-"
        guard text.hasPrefix(prefix) else { return nil }
        let rest = text.dropFirst(prefix.count)
        guard let dot = rest.firstIndex(of: "."), let kind = rest.first, kind == "n" || kind == "c",
            let serial = Int(rest[rest.index(after: rest.startIndex)..<dot])
        else { return nil }
        self.init(serial: serial, isNew: kind == "n", run: run)
    }
}

/// What somebody saw of a row.
package enum Seen: Hashable, Sendable {
    case absent
    /// All of what the write of this number wrote.
    case value(Int)
    /// Neither one write's value nor another's.
    case torn(String)

    package static func task(title: String, status: String, run: String) -> Seen {
        guard let payload = Payload(startOf: title, run: run), payload.title == title, payload.status == status else {
            return .torn("title \(shortened(title)), status \(status)")
        }
        return .value(payload.serial)
    }

    package static func user(firstName: String, lastName: String?, run: String) -> Seen {
        guard let payload = Payload(startOf: firstName, run: run), payload.firstName == firstName,
            payload.lastName == lastName
        else { return .torn("first name \(shortened(firstName)), last name \(lastName ?? "null")") }
        return .value(payload.serial)
    }

    package static func paste(_ text: String, run: String) -> Seen {
        guard let payload = Payload(startOf: text, run: run), payload.paste == text else {
            return .torn("\(text.utf8.count) bytes: \(shortened(text))")
        }
        return .value(payload.serial)
    }

    private static func shortened(_ text: String) -> String { text.utf8.count <= 60 ? text : "\(text.prefix(60))…" }
}
