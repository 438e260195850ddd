defmodule Post.Box do
  @moduledoc """
  A box of letters.
  """

  use GenServer
  alias Post.Letter

  @limit 64
  @type letters :: [Letter.t()]

  defstruct letters: [], size: 0

  @doc """
  Sends a letter.
  """
  @spec send_letter(t(), Letter.t()) :: :ok
  def send_letter(%__MODULE__{} = box, letter) when is_map(letter) do
    [letter | box.letters]
  end

  # Joins two boxes.
  defp join(a, b), do: a.letters ++ b.letters

  def empty?, do: true

  defmacro letter(name) do
    quote do: %Letter{name: unquote(name)}
  end

  @impl true
  def a <> b, do: join(a, b)

  defmodule Inner do
    def deep(x), do: x
  end
end

defprotocol Post.Sender do
  @doc "Sends."
  def send(sender)
end

defimpl Post.Sender, for: Post.Box do
  def send(box), do: box
end
