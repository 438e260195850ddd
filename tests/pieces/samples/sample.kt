package post.office

import kotlin.math.max

/** Most letters in a box. */
const val LIMIT = 64

typealias Letters = List<Letter>

/** How letters are sorted. */
enum class Order { NEWEST, OLDEST }

interface Sender {
    fun send(letter: Letter)
}

/**
 * A box of letters.
 */
@Serializable
data class Box<T>(val size: Int) : Sender {
    private val letters = mutableListOf<T>()

    init {
        require(size > 0)
    }

    constructor() : this(LIMIT)

    /** Sends a letter and waits. */
    @Throws(IOException::class)
    override fun send(letter: Letter) {
        letters.add(letter)
        client.post(letter)
    }

    companion object {
        fun empty() = Box<Letter>(1)
    }
}

object Office {
    val boxes = mutableMapOf<String, Box<Letter>>()
    fun open(): Boolean = true
}

// Joins two boxes.
fun <T> Box<T>.join(other: Box<T>): Box<T> {
    return Box(max(size, other.size))
}
