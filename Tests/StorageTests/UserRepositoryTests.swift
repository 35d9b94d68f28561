import Domain
import Storage
import Testing

@Suite struct UserRepositoryTests {
    @Test(arguments: [nil, "", "Yamada", "O'Brien \u{1F9F6}"])
    func `a user is given back and found as made`(lastName: String?) async throws {
        try await withStorage { stored in
            let user = try await stored.users.create(firstName: "Taro", lastName: lastName).value
            let now = stored.clock.now()
            #expect(user == User(id: 1, firstName: "Taro", lastName: lastName, created: now, updated: now))
            #expect(try stored.users.find(1) == user)
        }
    }

    @Test(
        arguments: [
            (UserChange(), "Taro", "Yamada"), (UserChange(firstName: "Jiro"), "Jiro", "Yamada"),
            (UserChange(lastName: .some("Suzuki")), "Taro", "Suzuki"), (UserChange(lastName: .some(nil)), "Taro", nil),
            (UserChange(lastName: .some("")), "Taro", ""),
            (UserChange(firstName: "Hanako", lastName: .some(nil)), "Hanako", nil),
        ] as [(UserChange, String, String?)]
    )
    func `a change leaves alone what it does not name, and moves the time`(
        change: UserChange,
        firstName: String,
        lastName: String?
    ) async throws {
        try await withStorage { stored in
            let before = try await stored.users.create(firstName: "Taro", lastName: "Yamada").value
            let neighbour = try await stored.users.create(firstName: "Neighbour", lastName: nil).value
            stored.clock.advance()
            let expected = User(
                id: before.id,
                firstName: firstName,
                lastName: lastName,
                created: before.created,
                updated: stored.clock.now()
            )
            #expect(expected.updated > before.updated)
            #expect(try await stored.users.update(before.id, change).value == expected)
            #expect(try stored.users.find(before.id) == expected)
            #expect(try stored.users.find(neighbour.id) == neighbour)
        }
    }

    @Test(arguments: [0, -1, 2, .max, .min] as [Int64])
    func `an id that is not there is nothing`(id: Int64) async throws {
        try await withStorage { stored in
            let user = try await stored.users.create(firstName: "Taro", lastName: nil).value
            #expect(try stored.users.find(id) == nil)
            #expect(try await stored.users.update(id, UserChange(firstName: "X")).value == nil)
            #expect(try await stored.users.delete(id).value == nil)
            #expect(try stored.users.find(1) == user)
        }
    }

    @Test func `a deleted user is given back once, and the id never again`() async throws {
        try await withStorage { stored in
            let user = try await stored.users.create(firstName: "Taro", lastName: nil).value
            #expect(try await stored.users.delete(user.id).value == user)
            #expect(try await stored.users.delete(user.id).value == nil)
            #expect(try await stored.users.create(firstName: "Jiro", lastName: nil).value.id == 2)
        }
    }

    @Test func `pages hold what they say and tell whether there is more`() async throws {
        try await withStorage { stored in
            for number in 1...5 { _ = try await stored.users.create(firstName: "\(number)", lastName: nil) }
            _ = try await stored.users.delete(3)
            let cases: [(after: Int64, limit: Int, [Int64], Bool)] = [
                (0, 1, [1], true), (0, 3, [1, 2, 4], true), (0, 4, [1, 2, 4, 5], false), (2, 1, [4], true),
                (4, 1, [5], false), (5, 1, [], false), (3, 1000, [4, 5], false), (.max, 1, [], false),
            ]
            for (after, limit, expected, hasMore) in cases {
                var ids: [Int64] = []
                let found = try stored.users.list(Page(after: after, limit: limit)) { ids.append($0.id) }
                #expect(ids == expected && found == hasMore, "after \(after), limit \(limit)")
            }
        }
    }
}
