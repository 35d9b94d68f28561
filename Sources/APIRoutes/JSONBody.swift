import Domain
import FoundationEssentials
import HTTP
import JSON

/// A member of a body, as it came: nothing is wrong with it until somebody needs it otherwise.
enum Field<Value: Decodable & Sendable>: Decodable, Sendable {
    case absent
    case null
    case value(Value)
    case wrongType

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Value.self) {
            self = .value(value)
        } else {
            self = .wrongType
        }
    }
}

extension KeyedDecodingContainer {
    /// Chosen over the standard library's by synthesized initializers: a missing key is no error yet.
    func decode<Value>(_ type: Field<Value>.Type, forKey key: Key) throws -> Field<Value> {
        guard contains(key) else { return .absent }
        return try Field(from: superDecoder(forKey: key))
    }
}

extension Request {
    /// Decodes the body, whatever its `Content-Type` says: `curl -d` calls everything a form.
    ///
    /// - Throws: `malformed` with the position if it is no JSON, `invalid` if it is no object.
    func decode<Body: Decodable>(_ type: Body.Type) throws -> Body {
        do {
            try JSONSyntax.check(body.span)
        } catch {
            let place = "line \(error.line), column \(error.column)"
            throw AppError.malformed("The body is not valid JSON: \(error.reason) (\(place)).")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch is DecodingError {
            // The syntax is right and fields take everything, so only the outermost value can be wrong.
            throw AppError.invalid([.init(pointer: "", detail: "must be an object")])
        }
    }
}

/// Gathers everything that is wrong with a body before it is refused.
struct Validator {
    private var violations: [AppError.Violation] = []

    /// The trimmed text of a member, or nil if it is absent and may be; what is wrong with it is noted.
    mutating func text(_ field: Field<String>, _ name: String, lengthMax: Int, isRequired: Bool) -> String? {
        switch field {
        case .absent:
            if isRequired { note(name, "is required") }
        case .null, .wrongType: note(name, "must be a string")
        case .value(let text):
            if let text = ShortText.normalized(text, lengthMax: lengthMax) { return text }
            note(name, "must have 1 to \(lengthMax) characters, white space at its ends not counted")
        }
        return nil
    }

    mutating func status(_ field: Field<String>, _ name: String, isRequired: Bool) -> Todo.Status? {
        switch field {
        case .absent:
            if isRequired { note(name, "is required") }
        case .value(let text):
            if let status = Todo.Status(rawValue: text) { return status }
            note(name, "must be todo, doing or done")
        case .null, .wrongType: note(name, "must be todo, doing or done")
        }
        return nil
    }

    mutating func note(_ name: String, _ detail: String) {
        violations.append(.init(pointer: "/\(name)", detail: detail))
    }

    /// Throws `invalid` if anything was noted.
    func finish() throws {
        guard violations.isEmpty else { throw AppError.invalid(violations) }
    }
}
