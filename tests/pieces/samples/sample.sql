-- Letters that wait.
CREATE TABLE letters (
    id BIGINT PRIMARY KEY,
    sender TEXT NOT NULL
);

CREATE INDEX letters_by_sender ON letters (sender);

/* Letters by sender. */
CREATE OR REPLACE VIEW post.senders AS
SELECT sender, count(*) AS number FROM letters GROUP BY sender;

-- How many there are.
CREATE FUNCTION count_letters(name TEXT) RETURNS BIGINT AS $$
    SELECT count(*) FROM letters WHERE sender = name;
$$ LANGUAGE sql;

CREATE TYPE mood AS ENUM ('sad', 'happy');

CREATE TRIGGER stamp BEFORE INSERT ON letters
    FOR EACH ROW EXECUTE FUNCTION stamp_letter();

ALTER TABLE letters ADD COLUMN sent_at TIMESTAMP;

SELECT * FROM letters;
