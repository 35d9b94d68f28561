import HTTP
import Testing

struct QueryTests {
    @Test(arguments: [
        ("a=1", ["1"]), ("b=2", []), ("a", [""]), ("a=", [""]), ("a=1&a=2", ["1", "2"]), ("b=1&a=2&&", ["2"]),
        ("A=1", []), ("%61=1", ["1"]), ("a=b=c", ["b=c"]), ("a=x+y%20z%2B", ["x y z+"]), ("a=%C3%A9", ["é"]),
        ("a=%", ["%"]), ("a=%4", ["%4"]), ("a=%4g", ["%4g"]), ("a=%%41", ["%A"]), ("a=%2541", ["%41"]),
        ("a=%26", ["&"]),
        ("a=%ff", ["\u{FFFD}"]), ("a=%00", ["\0"]), ("=1", []), ("&", []), ("a=1;a=2", ["1;a=2"]),
    ])
    func `values are found by name and decoded once`(text: String, values: [String]) {
        #expect(Query(text).values("a") == values)
    }

    @Test func `no query has no values`() {
        #expect(Query(nil).values("a").isEmpty)
        #expect(Query("").values("").isEmpty)
    }
}
