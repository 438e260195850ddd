package post.office

import scala.collection.mutable

/** Who sends. */
trait Sender {
  def send(letter: Letter): Unit
}

/** A box of letters. */
@deprecated
case class Box[T](size: Int) extends Sender {
  private val letters = mutable.Buffer[T]()
  type Id = Long

  // Sends a letter.
  override def send(letter: Letter): Unit = {
    letters += letter
  }

  def +(other: Box[T]): Box[T] = join(other)
}

object Box {
  val Limit = 64
  var opened, closed = 0

  def empty: Box[Letter] = Box(0)

  implicit class Ops(box: Box[Letter]) { def open() = box }
}

sealed abstract class Order
case object Newest extends Order
