/// A command line that was not understood: what is wrong, what would be right, where help is.
package struct UsageError: Error, Equatable, CustomStringConvertible {
    package let message: String
    package let hint: String?
    /// The command as typed, `api serve`, whose help tells more.
    package let command: String

    package var description: String {
        "\(message)\n" + (hint.map { "\($0)\n" } ?? "") + "For help: \(command) --help"
    }
}

/// Says which of `candidates` was probably meant, if one is near enough.
func didYouMean(_ word: String, among candidates: [String]) -> String? {
    let near = candidates.map { (candidate: $0, edits: editDistance(word, $0)) }
        .filter { $0.edits <= max(1, $0.candidate.count / 3) }
        .min { $0.edits < $1.edits }
    return near.map { "Did you mean \($0.candidate)?" }
}

/// Edits that turn one word into the other, where swapping two neighbours is one edit.
///
/// - SeeAlso: <https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance> (optimal string alignment)
func editDistance(_ left: String, _ right: String) -> Int {
    // No candidate is this long, and the table below grows with both.
    let countMax = 64
    guard left.utf8.count <= countMax, right.utf8.count <= countMax else { return .max }
    let (left, right) = (Array(left), Array(right))
    var rows = [Array(0...right.count)]
    for i in left.indices {
        var row = [i + 1]
        for j in right.indices {
            var edits = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (left[i] == right[j] ? 0 : 1))
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                edits = min(edits, rows[i - 1][j - 1] + 1)
            }
            row.append(edits)
        }
        rows.append(row)
    }
    return rows[left.count][right.count]
}
