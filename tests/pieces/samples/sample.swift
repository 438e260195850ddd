import Foundation

/// Most letters in a box.
let limit = 64

typealias Letters = [Letter]

/// Who sends.
protocol Sender {
    var name: String { get }
    func send(_ letter: Letter) throws
}

enum Order: String {
    case newest, oldest
}

/// A box of letters.
@available(iOS 13, *)
public final class Box<T>: Sender {
    private var letters: [T] = []

    init(size: Int) {
        self.size = size
    }

    deinit { close() }

    /// Sends a letter.
    @discardableResult
    func send(_ letter: Letter) throws {
        letters.append(letter)
    }

    subscript(index: Int) -> T { letters[index] }
}

struct Stamp { let value: Int }

extension Box: Closable {
    // Closes it.
    func close() {
        letters = []
    }
}

// Joins two boxes.
func join<T>(_ a: Box<T>, _ b: Box<T>) -> Box<T> {
    return Box(size: a.size + b.size)
}
