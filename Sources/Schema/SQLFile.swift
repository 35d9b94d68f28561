package import FoundationEssentials

/// A file of a folder of SQL files, which run in the order of their names.
package struct SQLFile: Sendable, Equatable {
    /// Without the ending.
    package let name: String
    package let contents: String
    /// The line of the file that `contents` begins with.
    let firstLine: Int

    init(name: String, contents: String, firstLine: Int = 1) {
        self.name = name
        self.contents = contents
        self.firstLine = firstLine
    }

    private static let bytesMax = 16 << 20

    /// Reads all files of a folder; what does not end in `.sql` is none of ours.
    package static func all(in folder: String) throws(SchemaError) -> [SQLFile] {
        let entries: [String]
        do {
            entries = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw .unreadable(path: folder, reason: "there is no such folder, or it may not be read")
        }
        var files: [SQLFile] = []
        for entry in entries.sorted() where entry.hasSuffix(".sql") && !entry.hasPrefix(".") {
            let name = String(entry.dropLast(4))
            guard isValid(name) else { throw .badFileName(entry) }
            files.append(SQLFile(name: name, contents: try text(at: "\(folder)/\(entry)")))
        }
        return files
    }

    /// The name of a new file, for `migrate make` and `seed make`.
    ///
    /// It is made of what a person types: spaces and hyphens become underscores.
    package static func newName(_ name: String, at date: Date) throws(SchemaError) -> String {
        let words = name.lowercased().map { $0 == " " || $0 == "-" ? "_" : $0 }
        let stamp = date.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted)).filter(\.isNumber)
        let result = "\(stamp)_\(String(words))"
        guard isValid(result) else { throw .badFileName("\(result).sql") }
        return result
    }

    private static func isValid(_ name: String) -> Bool {
        let digits = name.utf8.prefix(14)
        let rest = name.utf8.dropFirst(14)
        return digits.count == 14 && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            && rest.first == UInt8(ascii: "_") && rest.count > 1
            && rest.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    private static func text(at path: String) throws(SchemaError) -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .unreadable(path: path, reason: "it may not be read")
        }
        guard data.count <= bytesMax else { throw .unreadable(path: path, reason: "it is larger than 16 MiB") }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .unreadable(path: path, reason: "it is not UTF-8 text")
        }
        // The same file checked out or saved on Windows is the same migration.
        let bare = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        return bare.replacing("\r\n", with: "\n")
    }
}
