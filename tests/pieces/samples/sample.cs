using System;

namespace Post.Office
{
    /// <summary>How letters are sorted.</summary>
    public enum Order { Newest, Oldest }

    public delegate void Sent(Letter letter);

    public interface ISender
    {
        Task SendAsync(Letter letter);
    }

    /// <summary>A box of letters.</summary>
    [Serializable]
    public class Box<T> : ISender where T : Letter
    {
        private const int Limit = 64;
        private readonly List<T> letters = new();
        public event Sent OnSent;

        /// <summary>Makes an empty box.</summary>
        public Box(int size)
        {
            Size = size;
        }

        public int Size { get; private set; }

        public T this[int index] => letters[index];

        /// <summary>Sends a letter and waits.</summary>
        [Obsolete]
        public async Task SendAsync(Letter letter)
        {
            await sender.Send(letter);
            OnSent?.Invoke(letter);
        }

        public static Box<T> operator +(Box<T> a, Box<T> b) => a.Join(b);

        class Inner { void Deep() { Console.WriteLine("deep"); } }
    }

    public record Stamp(int Value);

    public struct Point { public int X; }
}
