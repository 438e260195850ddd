package post.office;

import java.util.List;

/** A box of letters. */
@Serializable
public class Box<T> implements Sender {
    private static final int LIMIT = 64;
    private final List<T> letters = new ArrayList<>();

    /** Makes an empty box. */
    public Box(int size) {
        this.size = size;
    }

    // Sends a letter.
    @Override
    public void send(T letter) throws IOException {
        letters.add(letter);
    }

    static class Inner {
        int deep() { return 1; }
    }
}

/** Who sends. */
interface Sender {
    void send(Letter letter) throws IOException;
}

enum Order {
    NEWEST, OLDEST;

    Order other() { return this == NEWEST ? OLDEST : NEWEST; }
}

record Stamp(int value) {
    Stamp {
        if (value < 0) throw new IllegalArgumentException();
    }
}

@interface Posted { String by(); }
