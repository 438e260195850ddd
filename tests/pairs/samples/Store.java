package org.example;

/** A store of things. */
public abstract class Store {
    private final Path path; /** behind code: about nothing below */
    private int plain() {
        int a = 1;
        return a;
    }

    /**
     * Opens the store at {@code path}, creating it if
     * {@link Options#create} says so.
     * <p>
     * A second paragraph.
     *
     * @param path where it lies
     * @return the store
     */
    @Nullable
    public static Store open(Path path) {
        // the lock is held until close
        return new FileStore(path);
    }

    /** Checks that a store opens twice. */
    @Test
    void opensTwice() {
        open(a);
        open(a);
    }

    /** Makes a store from a path and its options. */
    protected Store(Path path) {
        this.path = path;
        this.kind = Kind.FILE;
    }

    /** Takes away everything that is in it. */
    public abstract void clear();

    /** {@inheritDoc} */
    @Override
    public void close() {
        lock.release();
        file.close();
    }

    /** Gets the path. */
    public Path getPath() {
        check();
        return path;
    }

    // Not Javadoc, so not documentation of what stands below.
    private void check() {
        if (closed)
            throw new IllegalStateException();
    }

    record Entry(String key, long time) {
        /** Tells how long ago it was written, in milliseconds. */
        long age() {
            long now = System.currentTimeMillis();
            return now - time;
        }
    }

    enum Kind {
        FILE, MEMORY;

        /** Reads a kind as users write it, in any case. */
        static Kind parse(String text) {
            Runnable nested = new Runnable() {
                /** Belongs to the function around it. */
                public void run() {
                    text.strip();
                }
            };
            return valueOf(text.toUpperCase());
        }
    }
}
