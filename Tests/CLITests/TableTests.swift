import Testing

@testable import CLI

struct TableTests {
    private var table: Table {
        var table = Table(["name", "size", "done", "when"])
        table.add(.text("りんご"), .integer(5), .boolean(true), .text("now"))
        table.add(.text("cafe\u{301} 🍏❤️"), .integer(1000), .boolean(false), .none)
        table.add(.text("a\tb\u{1B}\n"), .integer(-1), .boolean(true), .text(""))
        return table
    }

    @Test func `columns are aligned by what a terminal shows`() {
        #expect(
            table.text() == """
                name          size  done   when
                りんご           5  true   now
                cafe\u{301} 🍏❤️     1000  false  -
                a\\tb\\u{1B}\\n    -1  true

                """
        )
    }

    @Test func `a table without rows is a header in text and an empty array in JSON`() {
        #expect(Table(["name", "size"]).text() == "name  size\n")
        #expect(Table(["name", "size"]).text(style: .ansi) == "\u{1B}[1mname  size\u{1B}[0m\n")
        #expect(Table(["name", "size"]).json { "<\($0)>" } == "[]\n")
    }

    @Test func `the same rows are objects in JSON`() {
        #expect(
            table.json { "<\($0)>" } == """
                [
                {<name>:<りんご>,<size>:5,<done>:true,<when>:<now>},
                {<name>:<cafe\u{301} 🍏❤️>,<size>:1000,<done>:false,<when>:null},
                {<name>:<a\tb\u{1B}\n>,<size>:-1,<done>:true,<when>:<>}
                ]

                """
        )
    }

    @Test(arguments: [
        ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("한", 2), ("ｱ", 1), ("Ａ", 2), ("🍏", 2), ("👩‍👩‍👧", 2),
        ("❤", 1), ("❤️", 2), ("\u{200B}", 0), ("🇯🇵", 2),
    ])
    func `wide characters take two columns and marks none`(text: String, width: Int) {
        #expect(text.displayWidth == width)
    }
}
