import LTX
import Replication

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 3 else {
    fail(
        "usage: FormatsDriver write FOLDER DB… | restore DB FILE… | compact FILE FILE… | levels FOLDER DB… "
            + "| generation DB FOLDER"
    )
}
let (command, target, sources) = (arguments[0], arguments[1], Array(arguments[2...]))
do {
    switch command {
    case "write": try writeLevel0(sources.map { File($0) }, to: target)
    case "restore": try restore(sources.map { File($0) }, to: target)
    case "compact": try compact(sources.map { File($0) }, to: target)
    case "levels": try await writeLevels(sources, to: target)
    case "generation": try restoreGeneration(from: sources[0], to: target)
    default: fail("unknown command \(command)")
    }
} catch let error as LTXError {
    fail("\(sources[error.file]): \(error)")
} catch let error as GenerationError {
    fail("\(error.object.map { "\($0.key): " } ?? "")\(error)")
} catch {
    fail("\(error)")
}
