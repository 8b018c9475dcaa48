using Backup.Core.Model;
using Backup.Core.Postgres;

namespace Backup.Core.Tests.Schemas;

/// <summary>An archive's list has names as they are, side by side, without quotes.</summary>
public sealed class ArchiveObjectTests
{
    [Theory]
    [InlineData("TABLE public Odd (table) some owner", "TABLE", "public", "Odd (table)", "some owner")]
    [InlineData("TABLE DATA a schema t owner", "TABLE DATA", "a schema", "t", "owner")]
    [InlineData("MATERIALIZED VIEW DATA public v owner", "MATERIALIZED VIEW DATA", "public", "v", "owner")]
    [InlineData("FUNCTION public f(integer, text) owner", "FUNCTION", "public", "f(integer, text)", "owner")]
    [InlineData("TRIGGER auth users on sign up supabase_auth_admin", "TRIGGER", "auth", "users on sign up", "supabase_auth_admin")]
    [InlineData("EXTENSION - uuid-ossp ", "EXTENSION", null, "uuid-ossp", "")]
    [InlineData("SCHEMA - public pg_database_owner", "SCHEMA", null, "public", "pg_database_owner")]
    [InlineData("DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES owner", "DEFAULT ACL", "public", "DEFAULT PRIVILEGES FOR TABLES", "owner")]
    [InlineData("ACL - SCHEMA public owner", "ACL", null, "SCHEMA public", "owner")]
    public void A_line_is_taken_apart(string description, string kind, string? schema, string name, string owner)
    {
        var one = Assert.Single(ArchiveObject.Read([Entry(description, kind.EndsWith(" DATA", StringComparison.Ordinal) ? 0 : 1259)], ["public", "a schema", "auth"], ["owner", "some owner", "supabase_auth_admin"]));
        Assert.Equal((kind, schema, name, owner), (one.Kind, one.Schema, one.Name, one.Owner));
    }

    [Fact]
    public void A_schema_with_a_word_of_the_list_for_its_name_is_told_from_that_word()
    {
        var (table, rows) = (Entry("TABLE DATA orders owner", 1259), Entry("TABLE DATA DATA orders owner", 0));
        Assert.Equal((false, true), (table.IsTableData, rows.IsTableData));
        var objects = ArchiveObject.Read([table, rows, Entry("SEQUENCE SET s owner", 1259)], ["DATA", "SET"], ["owner"]);
        Assert.Equal([("TABLE", "DATA", "orders"), ("TABLE DATA", "DATA", "orders"), ("SEQUENCE", "SET", "s")], objects.Select(o => (o.Kind, o.Schema, o.Name)));
    }

    private static ArchiveEntry Entry(string description, int catalog) => new(1, 2, description, $"1; {catalog} 2 {description}");

    [Fact]
    public void Schemas_that_the_list_does_not_tell_apart_are_refused()
    {
        var refused = Assert.Throws<BackupException>(() => ArchiveObject.Read([], ["public", "public old"], []));
        Assert.Equal(ErrorCode.UsageWrong, refused.Code);
        Assert.Contains("does not tell the schema public from another", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Needs_follow_their_entry()
    {
        var needs = ArchiveContents.ParseDependencies("; header\n5; 1259 16390 TABLE public a o\n;\tdepends on: 3 4\n6; 1259 16391 TABLE public b o\n7; 0 0 COMMENT public TABLE b o\n;\tdepends on: 6\n");
        Assert.Equal([5, 7], needs.Keys);
        Assert.Equal([3, 4], needs[5]);
    }
}
