! A box of letters.
module post_box
  implicit none
  integer, parameter :: limit = 64

  type :: box
    integer :: size
  end type box

  interface join
    module procedure join_boxes
  end interface

contains

  ! Sends a letter.
  subroutine send_letter(b, letter)
    type(box), intent(inout) :: b
    integer, intent(in) :: letter
    b%size = b%size + letter
  end subroutine send_letter

  pure function length(b) result(n)
    type(box), intent(in) :: b
    integer :: n
    n = b%size
  end function length

end module post_box

program main
  use post_box
  print *, limit
end program main
