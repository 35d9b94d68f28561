import Testing

@testable import ObjectStore

@Suite struct XMLElementTests {
    @Test func `elements, attributes, text, references, comments and CDATA are read`() throws {
        let text = """
            \u{feff}<?xml version="1.0" encoding="UTF-8"?>
            <!-- before -->
            <a:List xmlns:a="http://x" kind='two "words" &amp; more'>
              <Key>a &lt;b&gt; &amp;&quot;&apos; &#65;&#x1F98A;</Key><Empty/><Empty  x="1" />
              <!-- a < b --><Key><![CDATA[<raw> &amp;]]> tail</Key><?pi?>
            </a:List>
            <!-- behind -->

            """
        let root = try XMLElement(parsing: Array(text.utf8))
        #expect(root.name == "List")
        #expect(root.attributes["kind"] == "two \"words\" & more")
        #expect(root.children.map(\.name) == ["Key", "Empty", "Empty", "Key"])
        #expect(root.children.map(\.text) == ["a <b> &\"' A🦊", "", "", "<raw> &amp; tail"])
        #expect(root.text("Key") == "a <b> &\"' A🦊" && root.child("None") == nil)
    }

    @Test(arguments: [
        "", "text", "<a>", "<a></b>", "<a/><b/>", "<a/>x", "<a", "<a b></a>", "<a b=c/>", "<a b='1' b='2'/>",
        "<a b='<'/>", "<a b='1'c='2'/>", "<a>&nbsp;</a>", "<a>&</a>", "<a>& b</a>", "<a>&#xD800;</a>", "<a>&#-5;</a>",
        "<a>&#;</a>", "<a><!-- </a>", "<a><![CDATA[ </a>", "< a/>", "</a>", "<a><b></a></b>", "<?xml <a/>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<!DOCTYPE a><a/>", "<a><!DOCTYPE b></a>", "<a/ >",
    ])
    func `what is not well-formed, or has a document type, is an error`(text: String) {
        #expect(throws: XMLError.self) { try XMLElement(parsing: Array(text.utf8)) }
    }

    @Test func `bytes that are not UTF-8 are an error`() {
        #expect(throws: XMLError.self) { try XMLElement(parsing: Array("<a>".utf8) + [0xff] + Array("</a>".utf8)) }
    }

    @Test func `depth and number of elements are bounded`() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)).utf8)
        }
        #expect(throws: Never.self) { try XMLElement(parsing: nested(XMLElement.depthMax)) }
        #expect(throws: XMLError.self) { try XMLElement(parsing: nested(XMLElement.depthMax + 1)) }
        let many = "<a>" + String(repeating: "<b/>", count: XMLElement.elementsMax) + "</a>"
        #expect(throws: XMLError.self) { try XMLElement(parsing: Array(many.utf8)) }
    }

    @Test func `no damage to a document makes the parser crash`() {
        let document = Array(
            "<?xml version='1.0'?><L a='b'><K>x&amp;y&#65;</K><![CDATA[z]]><!-- c --><E/></L>".utf8
        )
        var random = SystemRandomNumberGenerator()
        for length in 0...document.count { _ = try? XMLElement(parsing: Array(document.prefix(length))) }
        for _ in 0..<20_000 {
            var damaged = document
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...127, using: &random)
            }
            _ = try? XMLElement(parsing: damaged)
        }
    }
}
