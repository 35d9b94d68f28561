/// The version of the program and of its HTTP contract; `openapi.json` says the same.
package enum Version {
    package static let current = "0.1.0"
}
