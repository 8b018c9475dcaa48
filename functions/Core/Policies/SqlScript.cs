namespace Backup.Core.Policies;

/// <param name="Line">Where it begins, from 1.</param>
/// <param name="Text">From its first word to before its semicolon.</param>
/// <param name="Words">Its first words in upper case, four at most.</param>
public sealed record SqlStatement(int Line, string Text, IReadOnlyList<string> Words);

/// <summary>
/// Cuts a script into its statements, where PostgreSQL ends them: not within quotes, dollar quotes, comments, brackets or the body of an SQL-standard function.
/// Standard strings are taken for granted (<c>standard_conforming_strings = on</c>).
/// </summary>
internal sealed class SqlScript
{
    private readonly string _text;
    private readonly List<SqlStatement> _statements = [];
    private readonly List<string> _words = [];
    private int _at;
    private int _start = -1;
    private int _brackets;
    private int _blocks;
    private int _line = 1;
    private int _counted;

    private SqlScript(string text) => _text = text;

    /// <returns>The statements, or the line and what is wrong there, which never repeats the script: it may name people.</returns>
    public static (IReadOnlyList<SqlStatement> Statements, (int Line, string What)? Problem) Split(string text)
    {
        var script = new SqlScript(text);
        var problem = script.Run();
        return (script._statements, problem);
    }

    private (int Line, string What)? Run()
    {
        while (_at < _text.Length)
        {
            var c = _text[_at];
            if (char.IsWhiteSpace(c)) _at++;
            else if (c == ';' && _brackets == 0 && _blocks == 0) End();
            else if (Starts("--")) _at = LineEnd();
            else if (Starts("/*"))
            {
                if (!SkipComment()) return (Line(_at), "a comment begins that never ends");
            }
            else
            {
                if (_start < 0) _start = _at;
                if (c == '\\') return (Line(_at), "a backslash stands outside of quotes: commands of psql are not run, write SQL only");
                if (c is '\'' or '"')
                {
                    if (!SkipQuoted(c, escapes: false)) return (Line(_at), "a quote begins that never ends");
                }
                else if (c == '$' && DollarTag() is { } tag)
                {
                    var end = _text.IndexOf(tag, _at + tag.Length, StringComparison.Ordinal);
                    if (end < 0) return (Line(_at), "a dollar quote begins that never ends");
                    _at = end + tag.Length;
                }
                else if (IsNameStart(c))
                {
                    if (!Word()) return (Line(_at), "a quote begins that never ends");
                }
                else
                {
                    if (c is '(' or '[') _brackets++;
                    if (c is ')' or ']' && _brackets > 0) _brackets--;
                    _at++;
                }
            }
        }

        End();
        return null;
    }

    // Asked for places that only move on, so that a long script is counted once.
    private int Line(int at)
    {
        _line += _text.AsSpan(_counted, at - _counted).Count('\n');
        _counted = at;
        return _line;
    }

    private void End()
    {
        if (_start >= 0) _statements.Add(new SqlStatement(Line(_start), _text[_start..Math.Min(_at, _text.Length)].TrimEnd(), [.. _words]));
        _at++;
        (_start, _brackets, _blocks) = (-1, 0, 0);
        _words.Clear();
    }

    /// <summary>False when it is the E of a string that never ends.</summary>
    private bool Word()
    {
        var from = _at;
        while (_at < _text.Length && (IsNameStart(_text[_at]) || char.IsAsciiDigit(_text[_at]) || _text[_at] == '$')) _at++;
        var word = _text[from.._at].ToUpperInvariant();
        if (word == "E" && _at < _text.Length && _text[_at] == '\'') return SkipQuoted('\'', escapes: true);
        if (_words.Count < 4) _words.Add(word);
        // The body of an SQL-standard function holds semicolons, and CASE … END in its statements.
        if (word == "BEGIN" && IsRoutine) _blocks++;
        else if (word == "CASE" && _blocks > 0) _blocks++;
        else if (word == "END" && _blocks > 0) _blocks--;
        return true;
    }

    private bool IsRoutine => _words is ["CREATE", "FUNCTION" or "PROCEDURE", ..] or ["CREATE", "OR", "REPLACE", "FUNCTION" or "PROCEDURE"];

    private bool SkipQuoted(char quote, bool escapes)
    {
        for (var i = _at + 1; i < _text.Length; i++)
        {
            if (escapes && _text[i] == '\\') i++;
            else if (_text[i] == quote && i + 1 < _text.Length && _text[i + 1] == quote) i++;
            else if (_text[i] == quote)
            {
                _at = i + 1;
                return true;
            }
        }

        return false;
    }

    // Comments nest.
    private bool SkipComment()
    {
        var depth = 0;
        for (var i = _at; i + 1 < _text.Length; i++)
        {
            if (_text[i] == '/' && _text[i + 1] == '*')
            {
                depth++;
                i++;
            }
            else if (_text[i] == '*' && _text[i + 1] == '/')
            {
                i++;
                if (--depth > 0) continue;
                _at = i + 1;
                return true;
            }
        }

        return false;
    }

    /// <summary><c>$$</c> or <c>$tag$</c> at this place, or null: <c>$1</c> is a parameter. A dollar within a name does not come here.</summary>
    private string? DollarTag()
    {
        var i = _at + 1;
        if (i < _text.Length && char.IsAsciiDigit(_text[i])) return null;
        while (i < _text.Length && (IsNameStart(_text[i]) || char.IsAsciiDigit(_text[i]))) i++;
        return i < _text.Length && _text[i] == '$' ? _text[_at..(i + 1)] : null;
    }

    private bool Starts(string with) => string.CompareOrdinal(_text, _at, with, 0, with.Length) == 0;

    // Of either kind, as for PostgreSQL: what it would run must not be taken for the rest of a comment.
    private int LineEnd() => _text.AsSpan(_at).IndexOfAny('\n', '\r') is >= 0 and var i ? _at + i : _text.Length;

    private static bool IsNameStart(char c) => char.IsAsciiLetter(c) || c == '_' || c > 127;
}
