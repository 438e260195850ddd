package post.office

import groovy.transform.CompileStatic

/** A box of letters. */
@CompileStatic
class Box implements Sender {
    static final int LIMIT = 64
    List letters = []

    /** Makes an empty box. */
    Box(int size) {
        this.size = size
    }

    // Sends a letter.
    void send(String letter) {
        letters << letter
    }

    def join(Box other) {
        letters + other.letters
    }
}

interface Sender {
    void send(String letter)
}

enum Order { NEWEST, OLDEST }

// Opens one.
def open(String owner) {
    return new Box(1)
}

task hello {
    doLast { println 'hello' }
}
