" A box of letters.
let g:limit = 64

" Sends a letter.
function! s:send_letter(letter) abort
  call add(g:letters, a:letter)
endfunction

function post#join(a, b)
  return a:a + a:b
endfunction

command! -nargs=1 Send call s:send_letter(<q-args>)
