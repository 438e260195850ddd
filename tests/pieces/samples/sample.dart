import 'dart:async';

/// Most letters in a box.
const int limit = 64;

typedef Sent = void Function(Letter letter);

enum Order { newest, oldest }

/// Who sends.
abstract class Sender {
  Future<void> send(Letter letter);
}

mixin Stamps {
  final stamps = <Stamp>[];
}

/// A box of letters.
@immutable
class Box<T> extends Base with Stamps implements Sender {
  final List<T> letters = [];
  static const size = 3;

  Box(this.owner);

  factory Box.empty() {
    return Box(null);
  }

  /// Sends a letter.
  @override
  Future<void> send(Letter letter) async {
    letters.add(letter as T);
  }

  int get length => letters.length;

  set owner(String name) {
    _owner = name;
  }
}

extension Joins on Box {
  Box join(Box other) => Box(other.owner);
}

// Opens one.
Box open(String owner) {
  return Box(owner);
}

class Shelf {
  /// What it holds.
  final int width, height;

  /// Takes one.
  Box take(int row);

  const Shelf.wide() : width = 2;
}
